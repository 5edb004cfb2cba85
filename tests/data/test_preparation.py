import csv
import json
import shutil

import numpy as np
import pytest

from avsync.data.preparation import Settings, prepare, source_key
from avsync.data.shards import read_clips, read_index
from avsync.errors import AvsyncError
from avsync.media.write import write_video
from avsync.synthetic.fixtures import tiny_talkers

SETTINGS = Settings(min_seconds=1.0, max_seconds=2.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two talkers of three seconds, one of them in a folder of its own, and three files that cannot be used."""
    folder = tmp_path_factory.mktemp("source")
    one, other = tiny_talkers(tmp_path_factory.mktemp("drawn"), 2, 3.0)
    shutil.copy(one, folder / "same name.mp4")
    (folder / "deeper").mkdir()
    shutil.copy(other, folder / "deeper" / "same name.mp4")
    still = np.full((50, 64, 64, 3), 90, np.uint8)
    write_video(folder / "mute.mp4", still, None)
    write_video(folder / "faceless.mp4", still, np.zeros(32_000, np.float32))
    (folder / "broken.mp4").write_bytes(b"\0" * 5000)
    return folder


@pytest.fixture(scope="module")
def out(source, tmp_path_factory):
    return prepare(source, tmp_path_factory.mktemp("out"), SETTINGS, workers=1, progress=False)


def test_every_source_is_accounted_for(out):
    rows = {row["source"]: row for row in json.loads((out / "summary.json").read_text())["rows"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "same name.mp4": "kept",
        "deeper/same name.mp4": "kept",
        "mute.mp4": "failed",
        "faceless.mp4": "dropped",
        "broken.mp4": "failed",
    }
    with (out / "failures.csv").open(newline="") as stream:
        reasons = {row["source"]: row["reason"] for row in csv.DictReader(stream)}
    assert set(reasons) == {"mute.mp4", "faceless.mp4", "broken.mp4"} and all(reasons.values())


def test_a_long_track_becomes_pieces_that_join(out):
    clips = list(read_clips(out))
    assert len(clips) == 4  # two talkers, each two seconds and one
    assert sorted(len(clip.frames) for clip in clips) == [25, 25, 50, 50]
    for clip in clips:
        assert clip.frames.shape[1:] == (96, 96, 3) and len(clip.audio) == 640 * len(clip.frames)
    assert sorted(clip.meta["start"] for clip in clips) == [0, 0, 2, 2]


def test_keys_are_unique_and_safe_in_a_tar(out):
    from pathlib import Path

    keys = [clip.key for clip in read_clips(out)]
    assert len(set(keys)) == 4 and not any(set(key) & set("./ ") for key in keys)
    assert source_key(Path("a.b/c.mp4")) != source_key(Path("a.b/c.mkv"))


def test_a_second_call_does_nothing(source, out):
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    prepare(source, out, SETTINGS, progress=False)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_two_workers_give_the_same_bytes(source, out, tmp_path):
    prepare(source, tmp_path, SETTINGS, workers=2, progress=False)
    assert read_index(tmp_path) == read_index(out)


def test_a_killed_run_goes_on_where_it_was(source, out, tmp_path, monkeypatch):
    from avsync.data import preparation

    made = []
    real = preparation.prepare_source

    def dies_at_the_third(path, *rest):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(path)
        return real(path, *rest)

    monkeypatch.setattr(preparation, "prepare_source", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path, SETTINGS, workers=1, progress=False)
    assert not (tmp_path / "summary.json").exists() and not (tmp_path / "shards").exists()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.tar")}

    seen = []

    def counts(path, root, work, settings):
        seen.append((work / f"{source_key(path.relative_to(root))}.json").exists())
        return real(path, root, work, settings)

    monkeypatch.setattr(preparation, "prepare_source", counts)
    prepare(source, tmp_path, SETTINGS, workers=1, progress=False)
    assert sorted(seen) == [False] * 3 + [True] * 2 and len(done) <= 2
    assert read_index(tmp_path) == read_index(out)


def test_a_folder_without_videos_is_refused(tmp_path):
    with pytest.raises(AvsyncError, match="holds no video"):
        prepare(tmp_path, tmp_path / "out")
