"""``avsync import`` as people use it, on random weights under the released names."""

import json

import pytest
import torch

from avsync import cli
from avsync.models.checkpoints import build
from avsync.models.imports import SYNCNET_V2
from mouths import film_mouth
from released import STATE, Released


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return Released().state_dict()


@pytest.fixture
def run(state, tmp_path, capsys):
    """Import ``content`` (None for no file at all) and give (status, stdout, stderr)."""

    def imported(content, target=None):
        source = tmp_path / "given.model"
        if isinstance(content, bytes):
            source.write_bytes(content)
        elif content is not None:
            torch.save(content, source)
        status = cli.main(["import", str(source), str(target or tmp_path / "out.ckpt")])
        return status, *capsys.readouterr()

    return imported


def test_every_tensor_released_has_its_place_and_shape(state):
    with torch.device("meta"):
        ours = build(SYNCNET_V2.net).state_dict()
    assert {SYNCNET_V2.theirs(name): tuple(tensor.shape) for name, tensor in ours.items()} == STATE
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == STATE and len(STATE) == 102


def test_what_was_imported_measures(run, state, tmp_path, capsys):
    status, out, err = run(state)
    assert (status, err) == (0, "") and "syncnet_v2" in out
    film_mouth(tmp_path / "crop.mp4", 0, seconds=1.0)
    given = [str(tmp_path / "crop.mp4"), "--checkpoint", str(tmp_path / "out.ckpt"), "--crop", "none", "--json"]
    assert cli.main(["offset", *given]) == 0
    assert -600 <= json.loads(capsys.readouterr().out)["offset_ms"] <= 600


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


WRONG = {
    "no file": (lambda state: None, "is not a file"),
    "a page": (lambda state: b"<html>404</html>", "not a readable"),
    "a number": (lambda state: 3, "something else than tensors"),
    "a checkpoint": (lambda state: {"state_dict": state, "epoch": 3}, "something else than tensors"),
    "numbered tensors": (lambda state: {0: torch.zeros(1)}, "something else than tensors"),
    "nothing": (lambda state: {}, "none of the networks known (syncnet_v2, cav_mae, cav_mae_sync)"),
    "another network": (lambda state: {"face_encoder.0.weight": torch.zeros(1)}, "none of the networks known"),
    "one stream": (lambda state: {k: v for k, v in state.items() if "aud" in k}, "none of the networks known"),
    "a tensor too few": (lambda state: without(state, "netcnnlip.4.bias"), "lacks netcnnlip.4.bias"),
    "a tensor too many": (lambda state: {**state, "netfclip.9.bias": torch.zeros(1)}, "netfclip.9.bias"),
    "another width": (
        lambda state: {**state, "netfcaud.3.weight": torch.zeros(256, 512)},
        "netfcaud.3.weight is (256, 512), syncnet_v2 has (1024, 512)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_one_line_and_status_2(run, state, name, tmp_path):
    make, words = WRONG[name]
    status, out, err = run(make(state))
    assert (status, out) == (2, "") and err.startswith("avsync: ") and err.count("\n") == 1 and words in err
    assert not (tmp_path / "out.ckpt").exists()


def test_a_place_that_cannot_be_written_is_told(run, state, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = run(state, tmp_path / "file" / "out.ckpt")
    assert status == 2 and "cannot be written" in err and err.count("\n") == 1
