"""``avsync speakers`` on drawn talkers side by side, with the checkpoint that ships, and on a single drawn mouth."""

import json

import numpy as np
import pytest

from avsync import cli
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.synthetic.fixtures import tiny_talkers
from live import mouth_file
from mouths import draw_mouth
from rows import check_row

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_several_files_need_a_folder(scene, tmp_path, capsys):
    given = ["speakers", str(scene), str(tmp_path / scene.name), "--checkpoint", "syncnet"]
    for option in ("--rttm", "--video"):
        assert cli.main([*given, option, str(tmp_path / "one")]) == 2
        assert "give a folder" in capsys.readouterr().err
        assert cli.main([*given, option, str(tmp_path)]) == 2
        assert "would both be written to" in capsys.readouterr().err


def test_what_it_writes_is_neither_the_input_nor_written_twice(tmp_path, capsys):
    path, link = mouth_file(tmp_path / "talk.mp4", seconds=1.0), tmp_path / "link.mp4"
    link.hardlink_to(path)
    before = path.read_bytes()
    for given, words in (
        (["--rttm", path], "is the input itself"),
        (["--video", link], "is the input itself"),
        (["--rttm", tmp_path / "x", "--video", tmp_path / "x"], "is named by --rttm and by --video"),
        (["--rttm", tmp_path / "nowhere" / "x"], "is no folder that may be written to"),
    ):
        assert cli.main(["speakers", str(path), "--checkpoint", "syncnet", *map(str, given)]) == 2
        assert words in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.fixture
def told(mouth_run, capsys):
    """Run ``avsync speakers`` on a crop; give its row."""

    def run(*arguments):
        checkpoint = str(mouth_run / "checkpoints" / "best.ckpt")
        given = ["speakers", *map(str, arguments), "--checkpoint", checkpoint, "--crop", "none"]
        assert cli.main([*given, "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        check_row("speakers", row)
        assert cli.main(given) == 0
        return row, capsys.readouterr().out

    return run


def speaking(row) -> float:
    """Share of the voice that is the face's."""
    total = sum(turn["end"] - turn["start"] for turn in row["turns"])
    return row["faces"][0]["speaks_seconds"] / total


def test_a_voice_beyond_the_search_is_nobodys_until_the_search_is_wider(told, tmp_path):
    path = mouth_file(tmp_path / "early.mkv", seconds=8.0, early=1.4)
    row, said = told(path)
    assert row["offset_ms"] is None and speaking(row) == 0 and "no offset within ±0.6 s fits any of them" in said
    row, said = told(path, "--search", "2")
    assert row["search_ms"] == 2000 and row["offset_frames"] == 35 and speaking(row) > 0.95
    row, _ = told(path, "--offset", "1400")
    assert row["offset_ms"] == 1400 and speaking(row) > 0.95
    assert row["faces"][0]["windows"][0]["box"] == [0, 0, 96, 96]


def test_how_sure_it_has_to_be_is_an_option(told, tmp_path):
    write_video(tmp_path / "dubbed.mkv", draw_mouth(301).frames, draw_mouth(302).audio)
    assert told(tmp_path / "dubbed.mkv")[0]["offset_ms"] is None
    assert told(tmp_path / "dubbed.mkv", "--min-chance", "0")[0]["offset_ms"] is not None
