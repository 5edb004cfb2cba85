"""The filter on drawn mouths with known damage, with the network trained on clean ones."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from avsync import cli
from avsync.alignment.filter import Filter
from avsync.alignment.verdicts import draw_line
from avsync.data.datamodule import ClipsDataModule
from avsync.data.dirty import write_dirty
from avsync.data.shards import ShardError, read_clips, write_shards
from avsync.data.verdicts import read_table
from avsync.errors import AvsyncError
from avsync.evaluation import verdict_page
from mouths import draw_mouth, encoded, write_mouths

JUDGE = Filter(workers=1, progress=False)
FOUND = ("shifted slightly", "shifted")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_mouths(tmp_path_factory.mktemp("clean"), range(500, 542), seconds=2.4, shard_samples=14)


@pytest.fixture(scope="module")
def dirty(clean, tmp_path_factory):
    return write_dirty(clean, tmp_path_factory.mktemp("dirty"), 16 / 42, shard_samples=14)


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """Other clips in shards of the same names."""
    root = tmp_path_factory.mktemp("more")
    clean = write_mouths(root / "clean", range(700, 716), seconds=2.4, shard_samples=14)
    return write_dirty(clean, root / "dirty", 1 / 2, seed=3, shard_samples=14)


@pytest.fixture(scope="module")
def checkpoint(mouth_run):
    return mouth_run / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def judged(dirty, checkpoint, tmp_path_factory):
    return JUDGE(dirty, checkpoint, tmp_path_factory.mktemp("scores"))


def test_the_damaged_are_found_among_the_clean(dirty, judged):
    truth = {clip.key: clip.meta for clip in read_clips(dirty)}
    dropped = {row["key"] for row in judged.rows if row["verdict"] == "drop"}
    bad = {key for key, meta in truth.items() if meta["damage"]}
    assert len(bad) == 16 and len(dropped & bad) >= 15 and len(dropped - bad) <= 1
    for row in judged.rows:
        meta = truth[row["key"]]
        if meta["damage"] in ("silence", "still face"):
            assert row["reason"] == meta["damage"]
        if meta["damage"] in FOUND:
            assert row["offset"] == meta["damage_frames"] and row["reason"].startswith("shifted by")


def test_a_clean_set_keeps_nearly_all(clean, checkpoint, tmp_path):
    rows = JUDGE(clean, checkpoint, tmp_path / "scores").rows
    assert sum(row["verdict"] == "keep" for row in rows) >= 41


def test_the_shifted_are_corrected_when_that_is_asked_for(dirty, checkpoint, tmp_path):
    truth = {clip.key: clip.meta for clip in read_clips(dirty)}
    rows = replace(JUDGE, correct=12)(dirty, checkpoint, tmp_path / "scores").rows
    corrected = {row["key"]: row["offset"] for row in rows if row["verdict"] == "corrected"}
    assert corrected == {key: m["damage_frames"] for key, m in truth.items() if m["damage"] in FOUND}


def test_several_folders_are_one_set(dirty, more, checkpoint, judged, tmp_path, capsys):
    """Scores are those of each folder alone, the line is one, and shards of the same name stay apart."""
    both = JUDGE([dirty, more], checkpoint, tmp_path / "scores")
    alone = JUDGE(more, checkpoint, tmp_path / "scores")  # nothing new to score
    assert len(list((tmp_path / "scores").iterdir())) == 3 + 2
    assert [row["key"] for row in both.rows] == [clip.key for folder in (dirty, more) for clip in read_clips(folder)]
    assert [row["shard"] for row in both.rows[40:44]] == [str(dirty / "shards" / "000002.tar")] * 2 + [
        str(more / "shards" / "000000.tar")
    ] * 2
    for one, other in zip(both.rows, judged.rows + alone.rows, strict=True):
        assert one["score"] == other["score"] or np.isnan(one["score"]) and np.isnan(other["score"])
    assert both.line == draw_line(both.rows) and both.line not in (judged.line, alone.line)

    out, page = tmp_path / "t.parquet", tmp_path / "t.html"
    given = ["filter", dirty, more, "--checkpoint", checkpoint, "--out", out, "--report", page, "--workers", "1"]
    assert cli.main(list(map(str, given))) == 0 and "58 clips" in capsys.readouterr().out
    rows, about = read_table(out)
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in both.rows]
    assert about["shards"] == [str(dirty), str(more)]
    assert page.read_text().count("data:image/png") == sum(row["verdict"] == "drop" for row in rows)
    assert any(row["verdict"] == "drop" for row in rows[42:])


def test_the_command_writes_the_table_and_the_page(dirty, checkpoint, judged, tmp_path, capsys):
    out, page = tmp_path / "table.parquet", tmp_path / "page.html"
    given = ["filter", dirty, "--checkpoint", checkpoint, "--out", out, "--report", page, "--workers", "1"]
    assert cli.main(list(map(str, given))) == 0
    said = capsys.readouterr().out
    assert "42 clips" in said and "still face 2" in said and str(checkpoint) in said
    rows, about = read_table(out)
    assert [row["key"] for row in rows] == [clip.key for clip in read_clips(dirty)]
    names = "key seconds distance lowest offset confidence speech score verdict reason"
    assert set(names.split()) <= set(rows[0]) and about["threshold"] == judged.line.mixture.threshold
    text = page.read_text()
    dropped = sum(row["verdict"] == "drop" for row in rows)
    assert text.count("data:image/png") == dropped and "<svg" in text and 'src="http' not in text
    assert cli.main(["filter", str(tmp_path), "--checkpoint", str(checkpoint), "--out", str(out)]) == 2
    assert "data_prep/prepare.py" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "place"), [("--report", "nowhere/page.html"), ("--out", "nowhere/table.parquet")])
def test_a_folder_that_is_not_there_is_told_before_anything_is_scored(
    dirty, checkpoint, tmp_path, capsys, option, place
):
    given = ["filter", dirty, "--checkpoint", checkpoint, "--out", tmp_path / "table.parquet", option, tmp_path / place]
    assert cli.main(list(map(str, given))) == 2
    assert "is no folder" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_every_clip_that_was_measured_is_in_each_plot(judged, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(verdict_page, "svg", lambda figure, caption: figures.append(figure) or "")
    verdict_page.write_verdict_page(tmp_path / "page.html", judged)
    measured = [row for row in judged.rows if np.isfinite(row["confidence"])]
    offset, *others = figures[1].axes
    bars = Counter()
    for bar in offset.patches:
        bars[round(bar.get_x() + bar.get_width() / 2)] += bar.get_height()
    assert +bars == Counter(row["offset"] for row in measured) and set(bars) == set(range(-15, 16))
    assert len(others) == 2
    for axes in others:
        assert sum(bar.get_height() for bar in axes.patches) == len(measured)


def test_a_set_of_silence_has_a_page_that_says_so(checkpoint, tmp_path):
    clips = [draw_mouth(seed, 1.0) for seed in range(3)]
    write_shards((encoded(replace(clip, audio=0 * clip.audio)) for clip in clips), tmp_path / "set")
    judged = JUDGE(tmp_path / "set", checkpoint, tmp_path / "scores")
    verdict_page.write_verdict_page(tmp_path / "page.html", judged)
    assert "3 dropped (silence 3)" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_two_processes_and_one_give_the_same(dirty, checkpoint, judged, tmp_path):
    assert_same(replace(JUDGE, workers=2)(dirty, checkpoint, tmp_path / "scores").rows, judged.rows)


def assert_same(rows, others):
    assert json.dumps(rows) == json.dumps(others)


def test_finished_shards_are_not_scored_again(dirty, checkpoint, judged, tmp_path):
    JUDGE(dirty, checkpoint, tmp_path / "scores")
    parts = sorted((tmp_path / "scores").iterdir())
    parts[1].unlink()
    stamps = [part.stat().st_mtime_ns for part in (parts[0], parts[2])]
    assert_same(JUDGE(dirty, checkpoint, tmp_path / "scores").rows, judged.rows)
    assert stamps == [part.stat().st_mtime_ns for part in (parts[0], parts[2])]
    # other settings are other scores
    other = replace(JUDGE, search=10)(dirty, checkpoint, tmp_path / "scores").rows
    assert np.abs([row["offset"] for row in other]).max() <= 10


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_gives_the_same_table(dirty, checkpoint, tmp_path):
    def command(out):
        words = ["filter", dirty, "--checkpoint", checkpoint, "--out", out, "--workers", "1"]
        return [sys.executable, "-m", "avsync", *map(str, words)]

    subprocess.run(command(tmp_path / "whole.parquet"), check=True, capture_output=True)
    killed, parts = tmp_path / "killed.parquet", tmp_path / "killed.scores"
    for number in (1, 2):
        process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while len(list(parts.glob("[!.]*.parquet"))) < number and time.monotonic() < until and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(list(parts.glob("[!.]*.parquet"))) >= number
    subprocess.run(command(killed), check=True, capture_output=True)
    (rows, about), (others, also) = read_table(tmp_path / "whole.parquet"), read_table(killed)
    assert_same(rows, others)
    assert about == also


def test_small_shards_take_the_next_ones_for_company(checkpoint, tmp_path):
    write_mouths(tmp_path / "set", range(600, 605), seconds=2.0, shard_samples=1)
    rows = JUDGE(tmp_path / "set", checkpoint, tmp_path / "scores").rows
    assert [row["verdict"] for row in rows] == ["keep"] * 5 and all(row["wrong"] for row in rows)


def test_a_key_twice_is_refused_before_work(clean, dirty, checkpoint, tmp_path):
    clip = encoded(draw_mouth(1, 1.0))
    write_shards([clip, clip | {"__key__": "other"}, clip], tmp_path / "set", 1)
    with pytest.raises(ShardError, match=r"mouth0001 is in .*000000\.tar and in .*000002\.tar"):
        JUDGE(tmp_path / "set", checkpoint, tmp_path / "scores")
    with pytest.raises(ShardError, match=f"mouth0500 is in {clean}.* and in {dirty}"):
        JUDGE([clean, dirty], checkpoint, tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_errors_come_before_work(dirty, tmp_path):
    with pytest.raises(AvsyncError, match="is not a file"):
        JUDGE(dirty, tmp_path / "no.ckpt", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_whole_frames_are_refused_before_work(checkpoint, tmp_path):
    clip = draw_mouth(1, 1.0)
    wide = replace(clip, frames=clip.frames[:, :64], meta=clip.meta | {"crop": "frame"})
    write_shards([encoded(wide)], tmp_path / "set")
    with pytest.raises(ShardError, match="holds whole frames"):
        JUDGE(tmp_path / "set", checkpoint, tmp_path / "scores")


def test_a_table_is_for_the_shards_it_was_made_of(dirty, clean, judged, tmp_path):
    judged.save(tmp_path / "t.parquet")
    how = {"verdicts": str(tmp_path / "t.parquet"), "batch_size": 2, "workers": 0}
    assert len(ClipsDataModule(dirty, "no val", "no test", **how).train_dataloader())
    with pytest.raises(ShardError, match="run `avsync filter` on them again"):  # of the same keys
        ClipsDataModule(clean, "no val", "no test", **how).train_dataloader()
