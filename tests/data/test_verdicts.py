"""A table of verdicts is applied by key."""

import itertools

import numpy as np
import pytest

from avsync.data.datamodule import ClipsDataModule
from avsync.data.shards import ShardError, read_clips, write_shards
from avsync.data.verdicts import Verdicts, content, moved, read_table, write_table
from mouths import draw_mouth, encoded

EARLY = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixteen clips; the sound of mouth0003 is early."""
    clips = [draw_mouth(seed, 2.0) for seed in range(16)]
    clips[3] = moved(clips[3], -EARLY)
    root = tmp_path_factory.mktemp("set")
    write_shards(map(encoded, clips), root, 4)
    return root


def table(path, dropped=(), corrected=(), keys=range(16), about=None):
    rows = [{"key": f"mouth{n:04d}", "offset": EARLY if n in corrected else 0,
             "verdict": "drop" if n in dropped else "corrected" if n in corrected else "keep"}
            for n in keys]  # fmt: skip
    write_table(path, rows, about)
    return path


def loader(folder, verdicts, **changes):
    settings = dict(segment=1.0, segments_per_clip=2, batch_size=4, workers=0, shuffle=8, verdicts=verdicts) | changes
    return ClipsDataModule(folder, "no val", "no test", **settings).train_dataloader()


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_dropped_is_never_seen_and_does_not_count(folder, tmp_path, workers):
    dropped = {0, 1, 2, 5, 11, 15}
    batches = loader(folder, table(tmp_path / "t.parquet", dropped), workers=workers)
    assert len(batches) == (16 - 6) * 2 // 4
    seen = set(itertools.chain.from_iterable(batch["key"] for _ in range(6) for batch in batches))
    assert seen == {f"mouth{n:04d}" for n in range(16) if n not in dropped}


def test_a_whole_shard_may_be_dropped(folder, tmp_path):
    batches = loader(folder, table(tmp_path / "t.parquet", dropped=range(4)))
    assert sum(len(batch["key"]) for batch in batches) == 24


def test_a_table_of_several_folders_is_applied_to_all(folder, tmp_path):
    write_shards((encoded(draw_mouth(seed, 2.0)) for seed in range(16, 24)), tmp_path / "more", 4)
    verdicts = table(tmp_path / "t.parquet", dropped={0, 1, 17, 23}, keys=range(24))
    batches = loader([folder, tmp_path / "more"], verdicts)
    assert len(batches) == (24 - 4) * 2 // 4
    seen = set(itertools.chain.from_iterable(batch["key"] for _ in range(6) for batch in batches))
    assert seen == {f"mouth{n:04d}" for n in range(24) if n not in {0, 1, 17, 23}}


def matched(clip):
    """How well the mouth follows the loudness."""
    dark = -clip.frames[:, 40:88, 24:72].astype(float).mean(axis=(1, 2, 3))
    loud = np.sqrt(np.square(clip.audio.reshape(-1, 640)).mean(axis=1))
    return np.corrcoef(dark, loud)[0, 1]


def test_what_is_corrected_is_in_sync_afterwards(folder, tmp_path):
    verdicts = Verdicts(table(tmp_path / "t.parquet", corrected={3}))
    from avsync.data.correct import samples

    stored = [sample for path in sorted((folder / "shards").glob("*.tar")) for sample in samples(path)]
    clips = {clip.key: clip for clip in verdicts(stored)}
    before = {clip.key: clip for clip in read_clips(folder)}
    assert matched(before["mouth0003"]) < 0.5 < 0.8 < matched(clips["mouth0003"])
    assert len(clips["mouth0003"].frames) == len(before["mouth0003"].frames) - EARLY
    assert np.array_equal(clips["mouth0004"].audio, before["mouth0004"].audio)


def test_a_table_of_another_set_is_refused(folder, tmp_path):
    with pytest.raises(ShardError, match="tells of 15 clips, the shards hold 16"):
        loader(folder, table(tmp_path / "few.parquet", keys=range(15)))
    with pytest.raises(ShardError, match="does not know the clip mouth0000"):
        list(loader(folder, table(tmp_path / "other.parquet", keys=range(1, 17))))
    with pytest.raises(ShardError, match="is not a file"):
        loader(folder, tmp_path / "nowhere.parquet")
    (tmp_path / "text.parquet").write_text("key,verdict\n")
    with pytest.raises(ShardError, match="no table that avsync wrote"):
        loader(folder, tmp_path / "text.parquet")


def test_a_table_of_shards_that_were_made_anew_is_refused(folder, tmp_path):
    """By the same keys, and what was early may be right now."""
    of_these, path = {"content": content([folder])}, tmp_path / "t.parquet"
    assert len(loader(folder, table(path, corrected={3}, about=of_these))) == 8
    write_shards((encoded(draw_mouth(seed, 2.0)) for seed in range(16)), tmp_path / "anew", 4)
    with pytest.raises(ShardError, match="tells of shards that were other ones; run `avsync filter` on them again"):
        loader(tmp_path / "anew", path)


def test_a_clip_that_a_correction_makes_too_short_is_no_segment(folder, tmp_path):
    verdicts = table(tmp_path / "t.parquet", dropped=set(range(16)) - {3}, corrected={3})
    assert len(loader(folder, verdicts, segment=1.6, batch_size=1)) == 2
    with pytest.raises(ShardError, match="no clip lasts data.segment=1.8 s, the longest 1.6 s; lower data.segment"):
        loader(folder, verdicts, segment=1.8, batch_size=1)


def test_nothing_left_says_what_to_do(folder, tmp_path):
    with pytest.raises(ShardError, match=r"0 clips that .* keeps"):
        loader(folder, table(tmp_path / "t.parquet", dropped=range(16)))


def test_a_table_comes_back_as_it_was(tmp_path):
    rows = [{"key": "a", "score": 1.5, "wrong": [0.5, 1.0]}, {"key": "b", "score": float("nan"), "wrong": []}]
    write_table(tmp_path / "t.parquet", rows, {"threshold": 3.5})
    back, about = read_table(tmp_path / "t.parquet")
    assert back[0] == rows[0] and back[1]["wrong"] == [] and np.isnan(back[1]["score"]) and about == {"threshold": 3.5}
