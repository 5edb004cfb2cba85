import random
from collections import Counter

import numpy as np
import pytest

from avsync.data.correct import samples
from avsync.data.dirty import KINDS, SHIFTS, damaged, write_dirty
from avsync.data.shards import ShardError, read_clips, read_index
from avsync.data.verdicts import moved
from mouths import draw_mouth, write_mouths


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    clean = write_mouths(root / "clean", range(40), seconds=2.0)
    return clean, write_dirty(clean, root / "dirty", 0.4, seed=3, shard_samples=8)


def test_the_share_that_was_asked_for_is_damaged_each_kind_alike(sets):
    kinds = Counter(clip.meta["damage"] for clip in read_clips(sets[1]))
    assert kinds == {None: 24} | dict.fromkeys(KINDS, 2)


def test_kinds_may_be_chosen(sets, tmp_path):
    chosen = write_dirty(sets[0], tmp_path / "chosen", 0.1, kinds=["silence", "shifted slightly"])
    assert Counter(clip.meta["damage"] for clip in read_clips(chosen)) == {
        None: 36, "silence": 2, "shifted slightly": 2
    }  # fmt: skip


def test_keys_and_what_is_not_damaged_stay(sets):
    (before, after) = ({s["__key__"]: s for row in read_index(folder) for s in samples(folder / "shards" / row["name"])}
                       for folder in sets)  # fmt: skip
    assert list(before) == list(after)
    same = [
        key for key in before if before[key]["mp4"] == after[key]["mp4"] and before[key]["flac"] == after[key]["flac"]
    ]
    assert same == [clip.key for clip in read_clips(sets[1]) if clip.meta["damage"] is None]


def test_the_same_seed_gives_the_same_set(sets, tmp_path):
    again = write_dirty(sets[0], tmp_path / "again", 0.4, seed=3, shard_samples=8)
    assert read_index(again) == read_index(sets[1])
    assert read_index(write_dirty(sets[0], tmp_path / "other", 0.4, seed=4, shard_samples=8)) != read_index(again)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_what_its_name_says(kind):
    clip, other = draw_mouth(1, 2.0), draw_mouth(2, 1.6)
    spoilt = damaged(clip, kind, other, random.Random(0))
    length, early = len(spoilt.frames), spoilt.meta["damage_frames"]
    assert len(spoilt.audio) == 640 * length and spoilt.meta["damage"] == kind and spoilt.key == clip.key
    assert (length < 50) == (kind in ("dubbed", "voice-over", "wrong face") or bool(early))
    if kind in SHIFTS:
        low, high = SHIFTS[kind]
        assert low <= abs(early) <= high and length == 50 - abs(early)
        back = moved(spoilt, early)  # what is still there of both
        first = abs(early)
        assert np.array_equal(back.frames, clip.frames[first : first + len(back.frames)])
        assert np.array_equal(back.audio, clip.audio[640 * first : 640 * (first + len(back.frames))])
    elif kind == "silence":
        assert np.abs(spoilt.audio).max() < 1e-3 and np.array_equal(spoilt.frames, clip.frames)
    elif kind == "still face":
        assert (spoilt.frames == spoilt.frames[0]).all() and np.array_equal(spoilt.audio, clip.audio)
    else:
        whose = {"dubbed": (clip, other), "wrong face": (other, clip), "voice-over": (clip, other)}[kind]
        assert np.array_equal(spoilt.frames, whose[0].frames[:length])
        assert np.corrcoef(spoilt.audio, whose[1].audio[: 640 * length])[0, 1] > 0.98


def test_one_clip_has_no_other_to_be_confused_with(tmp_path):
    with pytest.raises(ShardError, match="another"):
        write_dirty(write_mouths(tmp_path / "one", range(1), seconds=1.0), tmp_path / "dirty", 1.0)
