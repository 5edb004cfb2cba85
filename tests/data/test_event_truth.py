"""What a clip tells about what sounds in it, by hand-made truth and through drawing and preparation."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avsync.clock import SAMPLES_PER_FRAME
from avsync.data.clips import Settings
from avsync.data.embedded import make_synthetic_events
from avsync.data.events import KINDS, events_of, labels_of, mask_of
from avsync.data.preparation import prepare
from avsync.data.shards import read_clips
from avsync.errors import AvsyncError
from avsync.synthetic.events.masks import pack
from avsync.synthetic.fixtures import flash_and_click

sys.path.insert(0, str(Path(__file__).parents[2] / "data_prep"))
from recipes import find  # noqa: E402

SMALL = {"train": 3, "val": 1, "test": 2, "seconds": 1.6, "size": 64, "workers": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return make_synthetic_events(tmp_path_factory.mktemp("events"), **SMALL)


def meta_from(start: float) -> dict:
    """Of a clip of 0.4 s cut from a source in which frame 12 sounds on the left and frame 14 on the right."""
    left = np.zeros((4, 8), bool)
    left[:, :4] = True
    frames = [""] * 50
    frames[12], frames[14] = pack(left), pack(~left)
    mask = {"height": 4, "width": 8, "rate": 25, "frames": frames}
    events = [[0.1, 0.3, "dog"], [0.48, 0.52, "bell"], [0.56, 1.2, "saw"], [1.5, 1.6, "dog"]]
    return {"start": start, "seconds": 0.4, "labels": ["bell", "dog", "saw"], "events": events, "mask": mask}


def test_events_and_masks_are_shifted_to_the_clips_start():
    meta = meta_from(0.4)
    assert events_of(meta) == [(0.08, 0.12, "bell"), (0.16, 0.4, "saw")]
    known = {k for k in range(10) if mask_of(meta, k) is not None}
    assert known == {2, 4}
    assert mask_of(meta, 2)[:, :4].all() and not mask_of(meta, 2)[:, 4:].any()
    assert mask_of(meta, 4)[:, 4:].all() and mask_of(meta, 4).shape == (4, 8)
    assert events_of(meta_from(0.0)) == [(0.1, 0.3, "dog")]
    assert mask_of(meta_from(0.0), 9) is None


def test_clips_without_truth_have_labels_at_most():
    meta = {"start": 0.0, "seconds": 1.0, "labels": ["people marching"]}
    assert labels_of(meta) == ["people marching"] and events_of(meta) == [] and mask_of(meta, 0) is None
    assert labels_of({}) == []


def test_reading_the_truth_needs_nothing_that_draws():
    code = (
        "import sys, avsync.data.events; sys.exit(' '.join(m for m in ('cv2', 'scipy', 'av') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_makes_no_sense_is_told_in_one_line():
    with pytest.raises(AvsyncError, match="frame 10 of a clip of 10 frames .* give 0 to 9"):
        mask_of(meta_from(0.4), 10)
    with pytest.raises(AvsyncError, match="labels are 'dog'; a list of words is needed"):
        labels_of({"labels": "dog"})


def test_drawn_clips_carry_their_truth_through_preparation(prepared):
    clips = {split: list(read_clips(prepared / split)) for split in ("train", "val", "test")}
    assert [len(found) for found in clips.values()] == [3, 1, 2]
    for clip in (clip for found in clips.values() for clip in found):
        assert clip.frames.shape == (40, 64, 80, 3) and len(clip.audio) == 40 * SAMPLES_PER_FRAME
        assert set(labels_of(clip.meta)) == {label for _, _, label in events_of(clip.meta)} <= set(KINDS)
        for t in range(40):
            sounds = any(start <= t / 25 + 1e-6 and t / 25 + 1e-6 < end for start, end, _ in events_of(clip.meta))
            assert (mask_of(clip.meta, t) is not None) == sounds
    assert len({str(clip.meta["events"]) for found in clips.values() for clip in found}) == 6


def test_the_mask_lies_where_the_clip_moves_when_it_sounds(tmp_path):
    """After resizing: a hammer alone in its clip's picture moves inside the mask."""
    out = make_synthetic_events(tmp_path, train=1, val=1, test=1, seconds=4.0, size=96, workers=1)
    (clip,) = read_clips(out / "train")
    masks = [mask_of(clip.meta, t) for t in range(100)]
    union = np.any([mask for mask in masks if mask is not None], axis=0)
    rows, columns = (
        np.arange(side) * whole // side for side, whole in zip(clip.frames.shape[1:3], union.shape, strict=True)
    )
    inside = union[rows][:, columns]
    assert labels_of(clip.meta)[0] == "hammer" and 0.02 < inside.mean() < 0.5
    change = np.abs(np.diff(clip.frames[..., 1].astype(np.int16), axis=0)).mean(0)
    assert change[inside].mean() > 1.5 * change[~inside].mean()


def test_a_second_call_makes_nothing_again(prepared):
    root = prepared.parent
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    make_synthetic_events(root, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


def test_vggsound_and_audioset_tell_labels_in_the_same_form(tmp_path):
    vggsound, audioset = tmp_path / "vggsound", tmp_path / "audioset"
    for folder in (vggsound, audioset):
        folder.mkdir()
        flash_and_click(folder / "-0RWZT-miFs.mp4", seconds=2.4)
    with (vggsound / "vggsound.csv").open("w", newline="") as stream:
        csv.writer(stream).writerow(["-0RWZT-miFs", 1, "engine accelerating, revving, vroom", "train"])
    (audioset / "eval_segments.csv").write_text('-0RWZT-miFs, 1.000, 2.400, "/m/03v3yw,/m/0k4j"\n')
    told = {}
    for name, root in (("vggsound", vggsound), ("audioset", audioset)):
        settings = Settings(crop="frame", size=64, min_seconds=1.0)
        out = prepare(find(name)(root), tmp_path / "out" / name, settings, workers=1, progress=False)
        (clip,) = read_clips(out)
        assert clip.frames.shape[1:] == (64, 64, 3) and events_of(clip.meta) == []
        told[name] = labels_of(clip.meta)
    assert told == {"vggsound": ["engine accelerating, revving, vroom"], "audioset": ["/m/03v3yw", "/m/0k4j"]}
