"""The drawn things: they sound when they act, each kind in its own way, and nothing else does."""

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest

from avsync.errors import AvsyncError
from avsync.media.probe import probe
from avsync.media.sound import read_audio
from avsync.synthetic.events.brush import Brush
from avsync.synthetic.events.kinds import TABLE
from avsync.synthetic.events.masks import pack, unpack
from avsync.synthetic.events.names import KINDS
from avsync.synthetic.events.staging import Take, make_take
from avsync.synthetic.events.video import draw_events, film
from avsync.synthetic.generate import generate_events

RATE = 16_000
SECONDS = 4.0
HITS = [kind for kind in KINDS if TABLE[kind].tail]
SMALL = {"train": 3, "val": 1, "test": 1, "seconds": 1.2, "seed": 3, "quiet": True}


def content(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def alone(kind: str, number: int) -> Take:
    return make_take(seed=number, split="val", seconds=SECONDS, kind=kind, alone=True)


@pytest.fixture(scope="module")
def takes() -> dict[str, list[Take]]:
    return {kind: [alone(kind, number) for number in range(3)] for kind in KINDS}


@pytest.fixture(scope="module")
def mixed() -> dict[str, list[Take]]:
    """As they are drawn: with others beside them."""
    counts = {"train": 176, "test": 64}
    return {
        split: [make_take(seed=k, split=split, seconds=SECONDS) for k in range(count)]
        for split, count in counts.items()
    }


def moved(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Change (T,) of the pixels that ever sound from the frame before, and whether anything sounds (T,)."""
    filmed = list(film(take))
    union = np.any([mask for _, mask in filmed if mask is not None], axis=0)
    pixels = np.stack([picture[::2, ::2, 1][union] for picture, _ in filmed]).astype(np.float32)
    change = np.abs(np.diff(pixels, axis=0)).mean(1)
    return np.append(change[0], change), np.array([mask is not None for _, mask in filmed])


def contact(start: float) -> int:
    """The first frame that shows what began at ``start`` s."""
    return int(np.ceil(start * 25 - 1e-6))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_acts_and_is_heard_only_then(kind, takes):
    for take in takes[kind]:
        (one,) = take.placed
        assert take.labels == [kind] and len(take.sound) == SECONDS * RATE and 0.05 < np.abs(take.sound).max() <= 1
        assert 1 <= len(one.part.events) <= 16
        silent = one.sound[: round(one.part.events[0].start * RATE) - 1]
        assert not silent.any()
        for event in one.part.events:
            heard = one.sound[round(event.start * RATE) : round(event.end * RATE)]
            assert np.sqrt(np.mean(heard**2)) > 0.003
            assert 0 < event.start < event.end <= SECONDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_sound_rises_at_the_instant_of_the_truth(kind, takes):
    """In what is recorded, with the room's echo and noise: within a quarter of a frame of each event."""
    errors = []
    for take in takes[kind]:
        power = np.cumsum(np.append(0, take.sound.astype(np.float64) ** 2))
        for event in take.placed[0].part.events:
            places = round(event.start * RATE) + np.arange(-800, 801)
            places = places[(places >= 160) & (places < len(take.sound) - 160)]
            after, before = power[places + 160] - power[places], power[places] - power[places - 160]
            best = places[np.argmax(np.log(after + 1e-7) - np.log(before + 1e-7))]
            errors.append(best / RATE - event.start)
    assert np.abs(errors).max() < 0.02 and np.abs(np.median(errors)) < 0.005


@pytest.mark.parametrize("kind", HITS)
def test_what_is_seen_moves_most_at_the_contact(kind, takes):
    around = np.zeros(13)
    for take in [*takes[kind], *(alone(kind, number) for number in range(3, 6))]:
        change, _ = moved(take)
        for event in take.placed[0].part.events:
            k = contact(event.start)
            if 6 <= k < len(change) - 6:
                around += change[k - 6 : k + 7]
    assert around[5:8].max() > 1.25 * np.median(around)
    assert abs(int(around.argmax()) - 6) <= 1 or around[5:8].max() > 0.85 * around.max()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in HITS])
def test_what_sounds_in_stretches_moves_in_them(kind, takes):
    on, off = [], []
    for take in takes[kind]:
        change, sounding = moved(take)
        on.append(change[sounding].mean())
        off.append(change[~sounding].mean())
    assert np.mean(on) > 1.25 * np.mean(off)


def test_masks_are_there_during_events_and_only_then(mixed):
    for take in mixed["test"][:8]:
        for k, (_, mask) in enumerate(film(take)):
            sounds = any(start <= k / 25 + 1e-6 and k / 25 + 1e-6 < end for start, end, _ in take.events)
            assert (mask is not None) == sounds
            assert mask is None or (mask.shape == (64, 80) and mask.any() and mask.mean() < 0.7)


def test_what_makes_no_sound_is_not_in_the_mask(mixed):
    """Everything masked lies where something that sounds then stands; still things and passers have their own place."""
    quiet = [take for take in mixed["test"] if take.behind and len(take.labels) < len(take.placed)]
    assert len(quiet) >= 4
    for take in quiet[:4]:
        (one,) = (one for one in take.placed if one.part.events)
        union = np.any([mask for _, mask in film(take) if mask is not None], axis=0)
        columns = 2 * np.flatnonzero(union.any(0))
        # a raised tool reaches a little beyond; the camera drifts by up to 8 pixels
        assert columns.min() >= one.x - 0.75 * one.scale - 8 and columns.max() <= one.x + 0.75 * one.scale + 8


def test_what_is_in_front_hides_what_sounds():
    picture, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((32, 32), np.uint8)
    Brush(picture, mask, sounding=True).disc(32, 32, 20, (255, 0, 0))
    Brush(picture, mask, sounding=True).silent().polygon([(32, 0), (64, 0), (64, 64), (32, 64)], (0, 0, 255))
    assert mask[16, 8] and not mask[16, 20] and picture[32, 16, 0] == 255 and picture[32, 40, 2] == 255


def test_a_mirrored_brush_turns_left_and_right_and_nothing_else():
    shapes = []
    for mirrored in (False, True):
        picture = np.zeros((64, 64, 3), np.uint8)
        part = Brush(picture).at(31.5, 31.5, 50, mirrored=mirrored).at(0.1, 0.1, angle=0.3)
        part.polygon([(0, 0), (0.3, 0), (0, -0.4)], (255, 255, 255))
        part.ellipse(-0.2, 0.1, 0.15, 0.05, (255, 255, 255), angle=0.5)
        shapes.append(picture.astype(int))
    assert np.abs(shapes[0] - shapes[1][:, ::-1]).mean() < 0.02 * shapes[0].mean()


@pytest.mark.parametrize("kind", ["hammer", "drum", "glass", "ball", "clap", "drops", "string"])
def test_bigger_is_lower_and_harder_is_louder(kind):
    sizes, pitches, louder = [], [], []
    for number in range(20):
        (one,) = alone(kind, number).placed
        spectrum = np.abs(np.fft.rfft(one.sound)) ** 2
        frequencies = np.fft.rfftfreq(len(one.sound), 1 / RATE)
        sizes.append(one.part.size)
        pitches.append(np.log(np.sum(spectrum * frequencies) / spectrum.sum()))
        events = one.part.events
        if len(events) > 2:
            peaks = [np.abs(one.sound[round(hit.start * RATE) :][:640]).max() for hit in events]
            louder.append(np.corrcoef(peaks, [hit.strength for hit in events])[0, 1])
    assert np.corrcoef(sizes, pitches)[0, 1] < -0.4
    assert np.median(louder) > 0.7


def test_rhythms_are_irregular_and_each_clips_own(mixed):
    clips = mixed["train"]
    hits = [one.part.events for take in clips for one in take.placed if one.label in HITS and one.part.events]
    assert {len(events) for events in hits} == set(range(2, 9))
    gaps = [np.diff([hit.start for hit in events]) for events in hits if len(events) > 3]
    assert np.median([gap.std() / gap.mean() for gap in gaps]) > 0.3
    starts = [tuple(event[0] for event in take.events) for take in clips]
    assert len(set(starts)) == len(starts)


def test_a_fifth_of_the_clips_has_two_labels_and_kinds_take_turns(mixed):
    two = np.mean([len(take.labels) == 2 for take in mixed["train"]])
    assert 0.12 < two < 0.28
    assert all(KINDS[k % len(KINDS)] in take.labels for k, take in enumerate(mixed["train"]))


def log_mel(sound: np.ndarray) -> np.ndarray:
    """(T, 32) of a step of 10 ms, bands from 60 Hz to 8 kHz."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(sound, 200), 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(windows, 512)) ** 2
    edges = np.geomspace(2, 256, 33).astype(int)
    bands = [power[:, low : max(high, low + 1)].mean(1) for low, high in zip(edges, edges[1:], strict=False)]
    return np.log(np.stack(bands, 1) + 1e-7)


def heard(take: Take) -> np.ndarray:
    """What follows the sharpest rise of loudness, without its level."""
    steps = log_mel(take.sound)
    loud = steps.mean(1)
    onset = int(np.argmax((loud[8:] - loud[:-8])[5:-45])) + 9
    after = steps[onset : onset + 40]
    coarse = [after[:10].reshape(5, 2, -1).mean(1), after[10:].reshape(6, 5, -1).mean(1)]
    feature = np.concatenate(coarse).ravel()
    return np.maximum(feature - feature.max(), -9)


def seen(take: Take) -> np.ndarray:
    """24 x 24 pixels of what sounds first, and of its outline."""
    import cv2

    picture, mask = next((picture, mask) for picture, mask in film(take) if mask is not None)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    grey = cv2.resize(picture.mean(2), (80, 64), interpolation=cv2.INTER_AREA) * mask
    small = cv2.resize(grey[cut], (24, 24), interpolation=cv2.INTER_AREA)
    outline = cv2.resize(mask[cut].astype(np.float64), (24, 24), interpolation=cv2.INTER_AREA)
    return np.concatenate([(small - small.mean()).ravel() / (small.std() + 1e-6), 4 * outline.ravel()])


def nearest(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Row of ``known`` (N, D) nearest to each of ``asked`` (M, D)."""
    return np.array([np.argmin(((known - one) ** 2).sum(1)) for one in asked])


@pytest.mark.parametrize(("sense", "examples"), [(heard, 176), (seen, 64)])
def test_each_kind_is_known_from_either_sense_alone(sense, examples, mixed):
    """The nearest neighbour among unseen clips; chance is 1 in 16, a little more with two labels."""
    train, test = mixed["train"][:examples], mixed["test"][: 64 if sense is heard else 32]
    found = nearest(np.stack([sense(take) for take in train]), np.stack([sense(take) for take in test]))
    right = [bool(set(train[k].labels) & set(take.labels)) for k, take in zip(found, test, strict=True)]
    assert np.mean(right) > 0.65


def test_splits_share_nothing(mixed):
    for one, other in zip(mixed["train"], mixed["test"], strict=False):
        assert one.events != other.events and not np.array_equal(one.backdrop, other.backdrop)
        assert one.placed[0].part.accent != other.placed[0].part.accent


def test_masks_survive_as_text():
    mask = np.random.default_rng(0).random((64, 80)) > 0.5
    assert np.array_equal(unpack(pack(mask), 64, 80), mask)
    assert pack(None) == "" and unpack("", 64, 80) is None


def test_the_file_is_an_ordinary_video_without_traces_of_time(tmp_path):
    told = draw_events(tmp_path / "one.mkv", seed=5, split="test", seconds=2.0)
    info = probe(tmp_path / "one.mkv")
    assert info.video.codec == "h264" and info.audio.codec == "flac"
    with av.open(str(tmp_path / "one.mkv")) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert len(keys) == 50 and keys == [True] + 49 * [False]
    assert json.loads(json.dumps(told)) == told
    assert len(told["mask"]["frames"]) == 50
    sound = make_take(seed=5, split="test", seconds=2.0).sound
    assert np.abs(read_audio(tmp_path / "one.mkv")[:32000] - sound).max() < 1e-4


def test_the_number_of_workers_does_not_matter_and_a_killed_run_goes_on(tmp_path):
    drawn = generate_events(tmp_path / "one", workers=1, **SMALL)
    before = content(drawn)
    assert len(before) == 10
    assert content(generate_events(tmp_path / "two", workers=2, **SMALL)) == before
    kept = drawn / "train" / "train-00000.mkv"
    age = kept.stat().st_mtime_ns
    (drawn / "val" / "val-00000.mkv").unlink()
    half = drawn / "train" / "train-00001.mkv"
    half.write_bytes(half.read_bytes()[:1000])
    (drawn / "train" / "train-00002.json").unlink()
    generate_events(drawn, workers=1, **SMALL)
    assert content(drawn) == before and kept.stat().st_mtime_ns == age


@pytest.mark.parametrize("wrong", [{"train": -1}, {"train": 1, "seconds": 0.5}, {"train": 1, "seed": -1}])
def test_arguments_without_sense_are_refused_in_one_line(tmp_path, wrong):
    with pytest.raises(AvsyncError) as caught:
        generate_events(tmp_path, **wrong)
    assert "\n" not in str(caught.value)
