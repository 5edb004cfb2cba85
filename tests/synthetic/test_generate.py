"""Many videos: the same for the same arguments, continued after a kill, redrawn when the arguments change."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from avsync.errors import AvsyncError
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.synthetic import generate
from avsync.synthetic.fixtures import flash_and_click
from avsync.synthetic.generate import generate_talkers

pytest.importorskip("espeakng_loader")

ARGUMENTS = {"train": 2, "val": 1, "test": 1, "seconds": 0.6, "seed": 3, "quiet": True}


def content(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    return generate_talkers(tmp_path_factory.mktemp("drawn"), workers=1, **ARGUMENTS)


def test_two_who_want_the_same_videos_draw_them_once(tmp_path, drawn, monkeypatch):
    calls, draw = [], generate._draw
    monkeypatch.setattr(generate, "_draw", lambda job: (calls.append(job.key), draw(job)))
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(generate_talkers, tmp_path, workers=1, **ARGUMENTS) for _ in range(2)]
    assert [one.result() for one in both] == [tmp_path, tmp_path]
    assert content(tmp_path) == content(drawn) and len(calls) == len(set(calls)) == 4


def test_each_video_has_its_truth(drawn):
    assert len(content(drawn)) == 8
    for path in drawn.rglob("*.json"):
        truth = json.loads(path.read_text(encoding="utf-8"))
        assert truth["split"] == path.parent.name and truth["key"] == path.stem
        assert path.with_suffix(".mkv").stat().st_size == truth["bytes"]


def test_the_number_of_workers_does_not_matter(drawn, tmp_path):
    assert content(generate_talkers(tmp_path, workers=2, **ARGUMENTS)) == content(drawn)


def test_a_killed_run_goes_on(drawn):
    before = content(drawn)
    kept = drawn / "train" / "train-00000.mkv"
    age = kept.stat().st_mtime_ns
    (drawn / "val" / "val-00000.mkv").unlink()
    (drawn / "test" / "test-00000.json").unlink()
    half = drawn / "train" / "train-00001.mkv"
    half.write_bytes(half.read_bytes()[:1000])
    (drawn / "train" / ".train-00001.0123abcd.mkv").write_bytes(b"half")
    generate_talkers(drawn, workers=1, **ARGUMENTS)
    assert content(drawn) == before
    assert kept.stat().st_mtime_ns == age


def test_other_arguments_redraw_and_fewer_people_remove(tmp_path):
    arguments = {"quiet": True, "workers": 1}
    first = content(generate_talkers(tmp_path, train=2, seconds=0.4, seed=1, **arguments))
    second = content(generate_talkers(tmp_path, train=1, seconds=0.4, seed=2, **arguments))
    assert len(first) == 4 and len(second) == 2
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize("wrong", [{"train": -1}, {"train": 1, "seconds": 0.0}, {"train": 1, "seed": -1}])
def test_arguments_without_sense_are_refused_in_one_line(tmp_path, wrong):
    with pytest.raises(AvsyncError) as caught:
        generate_talkers(tmp_path, **wrong)
    assert "\n" not in str(caught.value)


def test_flash_and_click_happen_when_they_say(tmp_path):
    flashes = flash_and_click(tmp_path / "flash.mp4", seconds=2.0, offset=0.04)
    bright = [k / 25 for k, frame in read_frames(tmp_path / "flash.mp4") if frame.mean() > 150]
    assert bright == pytest.approx(flashes)
    audio = read_audio(tmp_path / "flash.mp4")
    for time in flashes:
        first = round((time - 0.04) * 16000)
        assert abs(audio[first - 400 : first + 400]).argmax() == pytest.approx(400, abs=60)
