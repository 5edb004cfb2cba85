"""``avsync speakers`` on drawn talkers side by side, with the checkpoint that ships."""

import json

import numpy as np
import pytest

from avsync import cli
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.synthetic.fixtures import tiny_talkers
from rows import check_row

pytestmark = pytest.mark.slow
SIDE = 224


def framed(path) -> np.ndarray:
    """A talker's pictures, all of one size."""
    pictures = np.stack([picture for _, picture in read_frames(path)])
    left = (pictures.shape[2] - SIDE) // 2
    top = (pictures.shape[1] - SIDE) // 2
    return pictures[:, top : top + SIDE, left : left + SIDE]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Two talkers for 8 s: the left one is heard, then somebody who is not there."""
    folder = tmp_path_factory.mktemp("talkers")
    left, right, absent = tiny_talkers(folder / "drawn", 3, 8.0, seed=5)
    sound = np.concatenate([read_audio(left)[:64_000], read_audio(absent)[64_000:128_000]])
    write_video(folder / "scene.mkv", np.concatenate([framed(left), framed(right)], axis=2), sound)
    return folder / "scene.mkv"


def test_the_voice_is_the_left_ones_then_nobodys(scene, tmp_path, capsys):
    video, table = tmp_path / "shown.mp4", tmp_path / "who.rttm"
    given = ["speakers", str(scene), "--checkpoint", "syncnet", "--rttm", str(table), "--video", str(video)]
    assert cli.main([*given, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    check_row("speakers", row)
    faces = sorted(row["faces"], key=lambda face: face["windows"][0]["box"][0])
    assert len(faces) == 2 and abs(row["offset_frames"]) <= 1
    who = np.full(200, -2)
    for turn in row["turns"]:
        who[round(turn["start"] * 25) : round(turn["end"] * 25)] = -1 if turn["face"] is None else turn["face"]
    assert (who[10:90] == faces[0]["id"]).mean() > 0.8 and (who[110:190] == -1).mean() > 0.8
    assert len(table.read_text().splitlines()) == len(row["turns"])
    assert sum(1 for _ in read_frames(video)) == 200 and len(read_audio(video)) == pytest.approx(128_000, abs=3200)


def test_several_files_need_a_folder(scene, tmp_path, capsys):
    given = ["speakers", str(scene), str(tmp_path / scene.name), "--checkpoint", "syncnet"]
    for option in ("--rttm", "--video"):
        assert cli.main([*given, option, str(tmp_path / "one")]) == 2
        assert "give a folder" in capsys.readouterr().err
        assert cli.main([*given, option, str(tmp_path)]) == 2
        assert "would both be written to" in capsys.readouterr().err
