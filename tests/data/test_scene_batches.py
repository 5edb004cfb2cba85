import itertools
import json

import numpy as np
import pytest
import torch

from avsync.data import scenes as scenes_module
from avsync.data import shards as shards_module
from avsync.data.augment import Augment
from avsync.data.effects.picture import Colour, Warp
from avsync.data.effects.sound import Roll
from avsync.data.scene import SceneReader, Scenes, evenly, read_labels, squared, with_earlier
from avsync.data.scenes import ScenesDataModule
from avsync.data.shards import ShardError, Shards, decode_frames, write_shards
from avsync.errors import AvsyncError
from lamps import KINDS, SIZE, draw_lamps, write_lamps


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_lamps(tmp_path_factory.mktemp("lamps"), range(24))


def module(folder, **changes):
    settings = dict(
        frames_per_clip=4, samples_per_clip=2, val_frames=3, decoded_frames=20, size=32, seconds=2.0,
        labels=list(KINDS), batch_size=8, shuffle=16,
    )  # fmt: skip
    return ScenesDataModule(folder, folder, folder, **(settings | changes))


def same(first: dict, second: dict) -> bool:
    return first["key"] == second["key"] and all(
        torch.equal(first[name], second[name]) for name in ("frames", "audio", "times", "labels")
    )


def test_a_batch_is_what_it_says(folder):
    batch = next(iter(module(folder).train_dataloader()))
    assert batch["frames"].shape == (8, 4, 32, 32, 3) and batch["frames"].dtype == torch.uint8
    assert batch["audio"].shape == (8, 32_000) and batch["audio"].dtype == torch.float32
    assert batch["times"].shape == (8, 4) and batch["labels"].shape == (8, 4)


def test_an_epoch_holds_every_clip_as_often_as_asked(folder):
    loader = module(folder, shuffle=1).train_dataloader()  # what is held back to be mixed ends up in the next epoch
    keys = list(itertools.chain(*(batch["key"] for batch in loader)))
    assert len(loader) == 6 and sorted(keys) == sorted(f"lamps{n:04d}" for n in range(24) for _ in range(2))


def test_frames_are_those_of_their_times(folder):
    """The lamp that is lit at a frame's time is the one whose beep is heard then."""
    batch = next(iter(module(folder, size=SIZE).train_dataloader()))
    for frames, audio, times in zip(batch["frames"], batch["audio"], batch["times"], strict=True):
        for frame, time in zip(frames, times.tolist(), strict=True):
            bright = frame.float().amax(dim=2).unflatten(0, (2, 32)).unflatten(2, (2, 32)).mean(dim=(1, 3)).flatten()
            first = round(time * 16_000)
            heard = torch.fft.rfft(audio[first : first + 640]).abs()  # bins of 25 Hz
            tones = torch.stack([heard[12 * 2**k - 1 : 12 * 2**k + 2].sum() for k in range(4)])
            if bright.max() > 100:
                assert bright.argmax() == tones.argmax()
            else:
                assert tones.max() < 5


def test_each_stretch_of_time_gives_one_frame_and_passes_differ(folder):
    loader = module(folder, samples_per_clip=4).train_dataloader()
    first, second = (torch.cat([batch["times"] for batch in loader]) for _ in range(2))
    assert ((first / 0.5).floor() == torch.arange(4)).all()
    assert not torch.equal(first, second) and len(first.unique()) == 20


@pytest.mark.parametrize("workers", [0, 2])
def test_held_in_memory_they_are_the_same_as_streamed(folder, workers):
    streamed = module(folder, workers=workers).train_dataloader()
    held = module(folder, workers=workers, cache="memory").train_dataloader()
    for _ in range(2):
        assert all(same(*pair) for pair in zip(streamed, held, strict=True))


def test_only_frames_that_are_drawn_are_decoded(folder, monkeypatch):
    """Of 50 frames two samples of a clip show eight at most, and those before them."""
    decoded = []

    def some(data, which):
        decoded.append(len(which))
        return decode_frames(data, which)

    monkeypatch.setattr(shards_module, "decode_frames", some)
    loader = module(folder, decoded_frames=50, before=2).train_dataloader()
    assert sum(len(batch["key"]) for batch in loader) == 48
    assert len(decoded) >= 24 and max(decoded) <= 16


def test_held_clips_are_decoded_once(folder, monkeypatch):
    seen = []
    read = SceneReader.__call__
    monkeypatch.setattr(
        SceneReader, "__call__", lambda self, sample: seen.append(sample["__key__"]) or read(self, sample)
    )
    loader = module(folder, cache="memory").train_dataloader()
    for _ in range(3):
        list(loader)
    assert sorted(seen) == [f"lamps{n:04d}" for n in range(24)]


def test_held_clips_take_the_memory_that_is_said(folder):
    reader = module(folder, cache="memory").read
    scenes = Scenes(reader, Shards([folder])).hold()
    scene = next(iter(scenes([{"url": str(folder / "shards" / "000000.tar")}])))
    held = sum(t.numel() * t.element_size() for t in (scene.frames, scene.times, scene.audio, scene.labels))
    assert held == reader.bytes


def test_more_than_fits_into_memory_is_refused_early(folder, monkeypatch):
    monkeypatch.setattr(scenes_module, "free_memory", lambda: 1e6)
    with pytest.raises(ShardError, match=r"24 clips of 0.2 MB take 0.0 GB.*data.cache=null"):
        module(folder, cache="memory").train_dataloader()
    module(folder).train_dataloader()


def test_validation_sees_every_clip_once_and_always_the_same(folder):
    loader = module(folder).val_dataloader()
    first, second = list(loader), list(loader)
    assert sorted(itertools.chain(*(batch["key"] for batch in first))) == [f"lamps{n:04d}" for n in range(24)]
    assert all(same(*pair) for pair in zip(first, second, strict=True))
    assert first[0]["frames"].shape[1] == 3


def test_a_later_loader_begins_where_it_is_told(folder):
    """What a training that goes on after an epoch sees is what it would have seen."""
    straight = module(folder).train_dataloader()
    list(straight)
    later = module(folder)
    later.load_state_dict({"batches": 6})
    assert all(same(*pair) for pair in zip(straight, later.train_dataloader(), strict=True))


def test_labels_are_multi_hot_in_the_order_given(folder, tmp_path):
    batch = next(iter(module(folder).val_dataloader()))
    for key, row in zip(batch["key"], batch["labels"], strict=True):
        told = json.loads(draw_lamps(int(key[5:]))["json"])["labels"]
        assert [KINDS[place] for place in row.nonzero()[:, 0]] == [kind for kind in KINDS if kind in told]
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join(reversed(KINDS)) + "\n\n")
    turned = next(iter(module(folder, labels=str(listed)).val_dataloader()))
    assert torch.equal(turned["labels"], batch["labels"].flip(1))
    assert next(iter(module(folder, labels=None).val_dataloader()))["labels"].shape == (8, 0)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"labels": ["low", "high"]}, ShardError, "is labelled '.*', which is none of the 2"),
        ({"labels": "/nowhere.txt"}, AvsyncError, "nowhere.txt is not a file"),
        ({"labels": ["low", "low"]}, AvsyncError, "names low more than once"),
        ({"cache": "disk"}, AvsyncError, "expected memory or null"),
        ({"batch_size": 64}, ShardError, "lower data.batch_size"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(folder, changes, error, words):
    with pytest.raises(error, match=words) as caught:
        list(module(folder, **changes).train_dataloader())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("member", ["mp4", "flac"])
def test_a_clip_that_cannot_be_decoded_is_an_error_and_never_silence(member, tmp_path):
    """Defect 10 of CAV-MAE Sync's code: its loader gives zeros where a file cannot be read."""
    write_shards([draw_lamps(0), draw_lamps(1) | {member: b"nothing"}], tmp_path)
    with pytest.raises(ShardError, match="clip lamps0001 cannot be decoded"):
        list(module(tmp_path, batch_size=2).val_dataloader())


def test_clips_of_other_lengths_end_in_silence_or_are_cut(tmp_path):
    write_shards([draw_lamps(0, 1.0), draw_lamps(1, 3.0)], tmp_path)
    batch = next(iter(module(tmp_path, batch_size=2).val_dataloader()))
    assert batch["audio"].shape == (2, 32_000) and not batch["audio"][0, 16_000:].any()
    assert batch["times"][0].max() < 1.0 < batch["times"][1].max() < 2.0


def test_some_frames_are_those_of_all():
    data = draw_lamps(3)["mp4"]
    which = evenly(50, 7)
    assert np.array_equal(decode_frames(data, which), decode_frames(data)[which])


def test_instants_when_there_are_fewer_frames_than_asked():
    assert evenly(2, 4).tolist() == [0, 0, 1, 1]


def test_earlier_pictures_come_with_frames(folder):
    """Those shown so many frames before, the first one's being itself, and then both are augmented alike."""
    clip = {"__key__": "lamps", **draw_lamps(3)}
    plain, with_past = (SceneReader(50, 32, 2.0, KINDS, before)(clip).held() for before in (0, 3))
    assert torch.equal(with_past.frames[..., :3], plain.frames)
    assert torch.equal(with_past.frames[3:, ..., 3:], plain.frames[:-3])
    assert torch.equal(with_past.frames[:3, ..., 3:], plain.frames[:1].expand(3, -1, -1, -1))
    frames, which = decode_frames(clip["mp4"]), np.array([0, 7, 49])
    kept = SceneReader(50, SIZE, 2.0, KINDS, 3)(clip).frames[torch.from_numpy(which)]
    assert np.array_equal(with_earlier(frames, which, 3), kept)
    assert np.array_equal(with_earlier(frames, which, 0), frames[which])
    batch = next(iter(module(folder, before=1).train_dataloader()))
    assert batch["frames"].shape == (8, 4, 32, 32, 6)
    batch["frames"][..., 3:] = batch["frames"][..., :3]
    torch.manual_seed(0)
    made = Augment(colour=True, warp=Warp(0.1, 0.1), picture={"colour": Colour(0.5, 0.2)})(batch)["frames"]
    assert made.shape == (8, 4, 32, 32, 6) and torch.equal(made[..., :3], made[..., 3:])
    torch.manual_seed(0)
    alone = Augment(colour=True, warp=Warp(0.1, 0.1), picture={"colour": Colour(0.5, 0.2)})(
        batch | {"frames": batch["frames"][..., :3]}
    )["frames"]
    assert torch.allclose(made[..., :3], alone, atol=1e-3)


def test_the_middle_of_wide_pictures_is_taken():
    frames = np.zeros((2, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 200
    made = squared(frames, 20)
    assert made.shape == (2, 20, 20, 3) and (made == 200).all()
    assert torch.equal(squared(frames, 40), torch.from_numpy(frames[:, :, 20:60]))


def test_labels_of_a_list_stay_a_list():
    assert read_labels(["b", "a"]) == ["b", "a"] and read_labels(None) == []


def test_augmentation_keeps_the_moment(folder):
    """Colours change within 0...255 and sound moves by no more than it may; both differ from clip to clip."""
    batch = next(iter(module(folder).train_dataloader()))
    made = Augment(colour=True, picture={"colour": Colour(0.5, 0.2)}, sound={"roll": Roll(0.01)})(batch)
    assert made["frames"].shape == batch["frames"].shape and 0 <= made["frames"].min() and made["frames"].max() <= 255
    assert not torch.equal(made["frames"], batch["frames"].float())
    for before, after in zip(batch["audio"], made["audio"], strict=True):
        by = [shift for shift in range(-160, 161) if torch.equal(before.roll(shift), after)]
        assert len(by) == 1
