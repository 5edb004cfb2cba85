"""From footage to shards: nothing lost, nothing made twice, the same bytes whatever happened on the way."""

import csv
import errno
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from avsync.data import preparation
from avsync.data.clips import Settings
from avsync.data.datamodule import ClipsDataModule
from avsync.data.job import Job
from avsync.data.preparation import account, prepare
from avsync.data.scenes import ScenesDataModule
from avsync.data.shards import ShardError, read_clips, read_index, verified_shards, write_shards
from avsync.data.sources import Source, videos
from avsync.data.stages import prepare_source
from avsync.errors import AvsyncError
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.synthetic.fixtures import tiny_talkers

SETTINGS = Settings(min_seconds=1.0, max_seconds=2.0)


def listed(folder, **how):
    return [Source(path, path.relative_to(folder).with_suffix("").as_posix(), **how) for path in videos(folder)]


@pytest.fixture(scope="module")
def talkers(tmp_path_factory):
    return tiny_talkers(tmp_path_factory.mktemp("drawn"), 2, 3.0)


@pytest.fixture(scope="module")
def source(talkers, tmp_path_factory):
    """Two talkers of three seconds, one of them in a folder of its own, and three files that cannot be used."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copy(talkers[0], folder / "same name.mp4")
    (folder / "deeper").mkdir()
    shutil.copy(talkers[1], folder / "deeper" / "same name.mp4")
    still = np.full((50, 64, 64, 3), 90, np.uint8)
    write_video(folder / "mute.mp4", still, None)
    write_video(folder / "faceless.mp4", still, np.zeros(32_000, np.float32))
    (folder / "broken.mp4").write_bytes(b"\0" * 5000)
    return folder


@pytest.fixture(scope="module")
def out(source, tmp_path_factory):
    return prepare(listed(source), tmp_path_factory.mktemp("out"), SETTINGS, workers=1, progress=False)


def rows_of(out):
    return {row["source"]: row for row in json.loads((out / "summary.json").read_text())["rows"]}


def test_every_source_is_accounted_for(out):
    rows = rows_of(out)
    assert {name: row["state"] for name, row in rows.items()} == {
        "same name": "kept",
        "deeper/same name": "kept",
        "mute": "failed",
        "faceless": "dropped",
        "broken": "failed",
    }
    with (out / "failures.csv").open(newline="") as stream:
        reasons = {row["source"]: row["reason"] for row in csv.DictReader(stream)}
    assert set(reasons) == {"mute", "faceless", "broken"} and all(reasons.values())


def test_every_second_is_accounted_for(out):
    for row in rows_of(out).values():
        assert row["seconds_in"] == pytest.approx(row["seconds_kept"] + sum(row["seconds_dropped"].values()), abs=1e-6)
    assert rows_of(out)["same name"]["seconds_kept"] == pytest.approx(3.0)
    assert rows_of(out)["faceless"]["seconds_dropped"]["no face"] == pytest.approx(2.0)


def test_a_long_track_becomes_pieces_that_join(out):
    clips = list(read_clips(out))
    assert len(clips) == 4  # two talkers, each two seconds and one
    assert sorted(len(clip.frames) for clip in clips) == [25, 25, 50, 50]
    for clip in clips:
        assert clip.frames.shape[1:] == (96, 96, 3) and len(clip.audio) == 640 * len(clip.frames)
    assert sorted(clip.meta["start"] for clip in clips) == [0, 0, 2, 2]


def test_the_sound_is_that_of_the_pictures(out, source):
    whole = read_audio(source / "same name.mp4")
    for clip in read_clips(out):
        if clip.meta["source"] == "same name":
            first = round(clip.meta["start"] * 16_000)
            heard = whole[first : first + len(clip.audio)]
            assert np.abs(clip.audio[: len(heard)] - heard).max() < 2 / 2**15


def test_keys_are_unique_and_safe_in_a_tar(out, tmp_path):
    keys = [clip.key for clip in read_clips(out)]
    assert len(set(keys)) == 4 and not any(set(key) & set("./ ") for key in keys)
    one, other = (Job(Source(tmp_path / "x", name), tmp_path, SETTINGS) for name in ("a.b/c", "a_b/c"))
    assert one.key != other.key and not set(one.key) & set("./ ")


def test_names_in_other_letters_are_told_apart_and_long_ones_fit(tmp_path):
    names = [f"\u6620\u753b {number}" for number in range(20_000)] + ["x" * 4000, "x" * 3999]
    keys = {Job(Source(tmp_path / "x", name), tmp_path, SETTINGS).key for name in names}
    assert len(keys) == len(names) and max(map(len, keys)) < 170


def test_names_that_are_no_utf8_or_too_long_for_a_disk_end_nothing(films, tmp_path):
    odd = tmp_path / "in" / os.fsdecode(b"caf\xe9.mp4")
    odd.parent.mkdir()
    shutil.copy(films / "dark.mp4", odd)
    broken = tmp_path / "in" / os.fsdecode(b"\xff.mp4")
    broken.write_bytes(b"\0" * 5000)
    long = Source(tmp_path / ("x" * 300) / "film.mp4", "x" * 300)
    out = prepare([*listed(tmp_path / "in"), long], tmp_path / "out", FRAMES, workers=2, progress=False)
    states = {os.fsencode(name): row["state"] for name, row in rows_of(out).items()}
    assert states == {b"caf\xe9": "kept", b"\xff": "failed", b"x" * 300: "failed"}
    assert b"\xff,failed," in (out / "failures.csv").read_bytes()
    assert [os.fsencode(clip.meta["source"]) for clip in read_clips(out)] == [b"caf\xe9"]


def test_a_second_call_does_nothing(source, out, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    prepare(listed(source), out, SETTINGS, progress=False)
    monkeypatch.chdir(source.parent)  # nor from another folder, by another name of the same files
    prepare(listed(source.relative_to(source.parent)), out, SETTINGS, progress=False)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_two_workers_give_the_same_bytes(source, out, tmp_path):
    prepare(listed(source), tmp_path, SETTINGS, workers=2, progress=False)
    assert read_index(tmp_path) == read_index(out)


def test_a_stopped_run_goes_on_where_it_was(source, out, tmp_path, monkeypatch):
    calls = []

    def dies_at_the_third(job):
        calls.append(job.key)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return prepare_source(job)

    monkeypatch.setattr(preparation, "prepare_source", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepare(listed(source), tmp_path, SETTINGS, workers=1, progress=False)
    assert not (tmp_path / "summary.json").exists() and not (tmp_path / "shards").exists()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.*")}
    assert done

    def looks_before_it_goes_on(job):
        for path, when in done.items():
            assert path.stat().st_mtime_ns == when
        return prepare_source(job)

    monkeypatch.setattr(preparation, "prepare_source", looks_before_it_goes_on)
    prepare(listed(source), tmp_path, SETTINGS, workers=1, progress=False)
    assert read_index(tmp_path) == read_index(out)


def test_only_what_changed_is_made_again(talkers, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(talkers[0], folder / "one.mp4")
    prepare(listed(folder), out, SETTINGS, workers=1, keep=True, progress=False)
    (first,) = (out / "work" / "clips").glob("*.tar")
    when = first.stat().st_mtime_ns
    shutil.copy(talkers[1], folder / "two.mp4")
    prepare(listed(folder), out, SETTINGS, workers=1, keep=True, progress=False)
    assert first.stat().st_mtime_ns == when and len(list(read_clips(out))) == 4
    shutil.copy(talkers[1], folder / "one.mp4")  # another file in its place
    prepare(listed(folder), out, SETTINGS, workers=1, keep=True, progress=False)
    assert first.stat().st_mtime_ns != when


def test_stages_run_one_after_the_other(source, out, tmp_path):
    prepare(listed(source), tmp_path, SETTINGS, until="probe", workers=1, progress=False)
    probed = json.loads(account(tmp_path, "probe").read_text())["rows"]
    assert {row["state"] for row in probed} == {"probed", "failed"} and not (tmp_path / "summary.json").exists()
    assert not (tmp_path / "work" / "clips").exists()
    prepare(listed(source), tmp_path, SETTINGS, until="clips", workers=1, progress=False)
    assert len(list((tmp_path / "work" / "clips").glob("*.tar"))) == 3 and not (tmp_path / "shards").exists()
    prepare(listed(source), tmp_path, SETTINGS, workers=1, progress=False)
    assert read_index(tmp_path) == read_index(out) and not (tmp_path / "work").exists()


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two short films, prepared in a moment as whole frames."""
    folder = tmp_path_factory.mktemp("films")
    for name, grey in (("dark", 40), ("light", 200)):
        write_video(folder / f"{name}.mp4", np.full((30, 32, 32, 3), grey, np.uint8), np.zeros(19_200, np.float32))
    return folder


FRAMES = Settings(crop="frame", size=32, min_seconds=1.0, clips_per_shard=1)


def prepared(films, out, settings=FRAMES, **how):
    return prepare(listed(films), out, settings, progress=False, **({"workers": 1} | how))


def state_of(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "foreign",
    [
        "work/clips/film.mp4",
        "shards/film.mp4",
        "shards",
        "summary.json",
    ],
)
@pytest.mark.parametrize("how", [{}, {"keep": True}, {"until": "probe"}])
def test_what_is_not_of_a_preparation_is_never_touched(films, tmp_path, foreign, how):
    (tmp_path / foreign).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / foreign).write_bytes((films / "dark.mp4").read_bytes() if foreign != "summary.json" else b'{"a": 1}')
    before = state_of(tmp_path)
    replaced = tmp_path / foreign.removesuffix("/film.mp4")
    with pytest.raises(AvsyncError, match=f"{replaced} is not of a preparation.*another out="):
        prepared(films, tmp_path, **how)
    assert state_of(tmp_path) == before


@pytest.mark.parametrize(
    "other", ["work/film.mp4", "work/takes/film.mp4", "work/clips/desktop.ini", "shards/.DS_Store"]
)
def test_what_systems_and_people_leave_beside_is_no_hindrance(films, tmp_path, other):
    (tmp_path / other).parent.mkdir(parents=True)
    (tmp_path / other).write_bytes(b"anything")
    assert read_index(prepared(films, tmp_path))
    assert (tmp_path / other).exists() == ("film.mp4" in other)


@pytest.mark.parametrize("place", ["work", "work/clips"])
def test_videos_that_came_into_a_finished_folder_stay(films, tmp_path, place):
    prepared(films, tmp_path)
    (tmp_path / place).mkdir(parents=True)
    shutil.copy(films / "dark.mp4", tmp_path / place)
    prepared(films, tmp_path)
    assert (tmp_path / place / "dark.mp4").is_file()


@pytest.mark.parametrize("damage", ["missing", "cut", "no index"])
def test_a_shard_that_is_gone_is_made_again(films, tmp_path, damage):
    index = read_index(prepared(films, tmp_path))
    shard = tmp_path / "shards" / "000001.tar"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-512])
    elif damage == "missing":
        shard.unlink()
    else:
        shutil.rmtree(tmp_path / "shards")
    assert read_index(prepared(films, tmp_path)) == index and verified_shards(tmp_path)


def test_damage_of_the_right_size_is_mended_as_the_message_says(films, tmp_path):
    index = read_index(prepared(films, tmp_path))
    shard = tmp_path / "shards" / "000001.tar"
    shard.write_bytes(shard.read_bytes()[::-1])
    with pytest.raises(ShardError, match=f"remove {tmp_path / 'shards'} and prepare {tmp_path} again"):
        verified_shards(tmp_path)
    shutil.rmtree(tmp_path / "shards")
    assert read_index(prepared(films, tmp_path)) == index and verified_shards(tmp_path)


def test_a_kill_while_shards_are_replaced_leaves_no_account_of_others(films, tmp_path, monkeypatch):
    prepared(films, tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(preparation, "_write_summary", killed)
        with pytest.raises(KeyboardInterrupt):
            prepared(films, tmp_path, replace(FRAMES, size=64))
    prepared(films, tmp_path)
    assert {clip.frames.shape[1] for clip in read_clips(tmp_path)} == {32}


@pytest.mark.parametrize("until", ["probe", "clips", "sync"])
def test_a_stage_alone_leaves_a_finished_set_as_it_is(films, tmp_path, until):
    prepared(films, tmp_path)
    before = state_of(tmp_path)
    prepared(films, tmp_path, until=until)
    assert len(json.loads(account(tmp_path, until).read_text())["rows"]) == 2
    assert state_of(tmp_path).items() >= before.items()
    prepared(films, tmp_path)
    assert state_of(tmp_path) == before and not (tmp_path / "work").exists()


@pytest.mark.parametrize("begin", [ClipsDataModule, ScenesDataModule])
def test_shards_that_a_training_reads_are_not_replaced(films, tmp_path, begin):
    index, other = read_index(prepared(films, tmp_path)), replace(FRAMES, size=64)
    training = begin(tmp_path, tmp_path, tmp_path)
    training.setup("fit")
    prepared(films, tmp_path)  # done already
    for replacing in (lambda: prepared(films, tmp_path, other), lambda: write_shards([], tmp_path)):
        with pytest.raises(ShardError, match=r"shards: a training is reading these shards; .*data.make.out="):
            replacing()
    assert read_index(tmp_path) == index
    training.teardown("fit")
    assert read_index(prepared(films, tmp_path, other)) != index


class Full:
    """A check on a disk that is full as long as a file is there."""

    def __init__(self, mark, error):
        self.mark, self.error = mark, error

    def __call__(self, frames, audio):
        if self.mark.exists():
            raise self.error
        return 0, 0.5

    def __repr__(self):
        return "Full"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_a_lack_that_passes_stops_the_run_and_is_no_verdict(talkers, tmp_path, error, said):
    mark, out, sources = tmp_path / "mark", tmp_path / "out", [Source(talkers[0], "it")]
    mark.touch()
    how = {"check": Full(mark, error), "workers": 2, "progress": False}  # errors cross from another process
    with pytest.raises(AvsyncError, match=rf"out: stopped at {talkers[0]} \({said}\); make room") as caught:
        prepare(sources, out, SETTINGS, **how)
    assert "\n" not in str(caught.value) and not list((out / "work" / "sync").iterdir())
    mark.unlink()
    assert rows_of(prepare(sources, out, SETTINGS, **how))["it"]["state"] == "kept"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_tells_late_that_it_is_full(films, tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(AvsyncError, match="Disk quota exceeded.; make room"):
            prepared(films, tmp_path)
    assert {row["state"] for row in rows_of(prepared(films, tmp_path)).values()} == {"kept"}


def test_a_check_of_an_earlier_run_is_not_taken(talkers, tmp_path):
    how = {"settings": replace(SETTINGS, max_seconds=4.0), "workers": 1, "keep": True, "progress": False}
    sources = [Source(talkers[0], "it")]
    lengths = [
        [len(clip.frames) for clip in read_clips(prepare(sources, tmp_path, check=check, **how))]
        for check in (Says(3), None)
    ]
    assert lengths == [[72], [75]]


def one(path, tmp_path, settings=SETTINGS, **how):
    """Prepare one file; its row and clips."""
    out = prepare([Source(path, "it", **how)], tmp_path / "out", settings, workers=1, progress=False)
    (row,) = rows_of(out).values()
    return row, list(read_clips(out)) if row["clips"] else []


def test_an_interval_of_a_file(talkers, tmp_path):
    row, (clip,) = one(talkers[0], tmp_path, start=0.8, end=2.4, meta={"labels": ["speech"]})
    assert row["seconds_in"] == pytest.approx(1.6) and clip.meta["labels"] == ["speech"]
    assert clip.meta["start"] == pytest.approx(0.8) and clip.meta["seconds"] == pytest.approx(1.6)


def test_sound_in_a_file_of_its_own(talkers, tmp_path):
    mute, sound = tmp_path / "mute.mp4", tmp_path / "sound.mkv"
    pictures = [picture for _, picture in read_frames(talkers[0])]
    write_video(mute, pictures, None)
    write_video(sound, [np.zeros((16, 16, 3), np.uint8)] * 75, read_audio(talkers[0]))
    row, clips = one(mute, tmp_path, audio=sound)
    assert row["state"] == "kept" and np.abs(clips[0].audio).max() > 0.05


def test_pictures_without_sound_are_no_part_of_a_clip(talkers, tmp_path):
    path = tmp_path / "short.mp4"
    write_video(path, [picture for _, picture in read_frames(talkers[0])], read_audio(talkers[0])[: 16_000 * 2])
    row, clips = one(path, tmp_path)
    assert row["seconds_kept"] == pytest.approx(2.0, abs=0.1)
    assert row["seconds_dropped"]["no sound"] == pytest.approx(1.0, abs=0.1)
    assert sum(len(clip.frames) for clip in clips) == pytest.approx(50, abs=2)


def test_a_photograph_is_no_talker(talkers, tmp_path):
    path = tmp_path / "photo.mp4"
    _, picture = next(read_frames(talkers[0]))
    write_video(path, [picture] * 75, read_audio(talkers[0]))
    row, _ = one(path, tmp_path)
    assert row["state"] == "dropped" and row["reason"] == "still face"


@pytest.fixture(scope="module")
def two_faces(talkers, tmp_path_factory):
    """One talker alone for 1.6 s, then two of them side by side."""
    path = tmp_path_factory.mktemp("two") / "two.mp4"
    left, right = ([picture for _, picture in read_frames(talker)] for talker in talkers)
    height = min(len(left[0]), len(right[0]))
    left, right = ([picture[:height] for picture in side] for side in (left, right))
    empty = np.full_like(right[0], 128)
    frames = [np.concatenate([a, b if k >= 40 else empty], 1) for k, (a, b) in enumerate(zip(left, right, strict=True))]
    write_video(path, frames, read_audio(talkers[0]))
    return path


def test_the_single_speaker_rule(two_faces, tmp_path):
    row, _ = one(two_faces, tmp_path / "split", replace(SETTINGS, max_seconds=4.0))
    assert row["clips"] == 1 and row["seconds_kept"] == pytest.approx(1.6, abs=0.5)
    assert row["seconds_dropped"]["several faces"] == pytest.approx(1.4, abs=0.5)
    row, _ = one(two_faces, tmp_path / "all", replace(SETTINGS, max_seconds=4.0, faces="all"))
    assert row["clips"] == 3 and row["seconds_kept"] == pytest.approx(3.0)  # alone, and after the cut both


def test_whole_frames(talkers, tmp_path):
    row, frames = one(talkers[0], tmp_path / "frame", replace(SETTINGS, crop="frame", size=64))
    assert min(frames[0].frames.shape[1:3]) == 64 and "boxes" not in frames[0].meta
    assert row["seconds_kept"] == pytest.approx(3.0)


class Says:
    """A check that always finds the same."""

    def __init__(self, offset):
        self.offset = offset

    def __call__(self, frames, audio):
        return self.offset, 0.5

    def __repr__(self):
        return f"Says({self.offset})"


@pytest.mark.parametrize(("offset", "kept"), [(0, 3.0), (2, 2.84), (-3, 2.76), (9, 0), (None, 0)])
def test_a_check_drops_and_corrects(talkers, tmp_path, offset, kept):
    sources, settings = [Source(talkers[0], "it")], replace(SETTINGS, min_seconds=0.6)
    plain = list(read_clips(prepare(sources, tmp_path / "plain", settings, workers=1, progress=False)))
    out = prepare(sources, tmp_path / "out", settings, check=Says(offset), workers=1, progress=False)
    (row,) = rows_of(out).values()
    assert row["seconds_kept"] == pytest.approx(kept)
    assert row["seconds_in"] == pytest.approx(row["seconds_kept"] + sum(row["seconds_dropped"].values()))
    if not kept:
        assert row["reason"] == ("sync undecided" if offset is None else "out of sync")
        return
    for before, after in zip(plain, read_clips(out), strict=True):
        shift, length = after.meta["offset_found"] * 25, len(after.frames)
        assert shift == offset and len(after.meta["boxes"]) == length and len(after.audio) == 640 * length
        # sound that was early now meets the pictures that many frames later
        picture, sound = max(0, offset), max(0, -offset)
        assert np.abs(after.audio - before.audio[sound * 640 : (sound + length) * 640]).max() < 1e-4
        assert np.abs(after.frames.astype(int) - before.frames[picture : picture + length]).mean() < 3


def test_what_a_correction_makes_too_short_is_dropped(talkers, tmp_path):
    sources = [Source(talkers[0], "it")]
    out = prepare(sources, tmp_path, SETTINGS, check=Says(-2), workers=1, progress=False)
    assert [len(clip.frames) for clip in read_clips(out)] == [48]  # of 50; another of 25 becomes shorter than a second
    dropped = rows_of(out)["it"]["seconds_dropped"]
    assert dropped == {"out of sync": pytest.approx(0.08), "too short": pytest.approx(1.0)}


def test_nonsense_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(AvsyncError, match="no source"):
        prepare([], tmp_path)
    with pytest.raises(AvsyncError, match="stage=cook is not known"):
        prepare([Source(tmp_path / "x.mp4", "x")], tmp_path, until="cook")
    frames = Settings(crop="frame")
    with pytest.raises(AvsyncError, match="check= .* crop=frame has none; leave one of them out"):
        prepare([Source(tmp_path / "x.mp4", "x")], tmp_path / "out", frames, check=Says(0))
    for wrong in ({"crop": "nose"}, {"faces": "some"}, {"size": 95}, {"min_seconds": 3.0, "max_seconds": 2.0}):
        with pytest.raises(AvsyncError):
            Settings(**wrong)
