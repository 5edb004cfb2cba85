import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from avsync.data.datamodule import ClipsDataModule
from avsync.data.scenes import ScenesDataModule
from avsync.data.shards import ShardError, read_index, write_shards
from mouths import draw_mouth, encoded, write_mouths


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_mouths(tmp_path_factory.mktemp("data"), range(24), seconds=2.0)


def module(folder, **changes):
    settings = dict(segment=1.0, segments_per_clip=2, batch_size=8, workers=0, shuffle=16, seed=0) | changes
    return ClipsDataModule(folder, folder, folder, **settings)


def epochs(loader, number):
    return [[tuple(batch["key"]) for batch in loader] for _ in range(number)]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_has_the_length_it_says(folder, workers):
    loader = module(folder, workers=workers).train_dataloader()
    assert len(loader) == 24 * 2 // 8
    assert [len(epoch) for epoch in epochs(loader, 2)] == [6, 6]


def test_batches_hold_picture_and_sound_of_the_same_length(folder):
    batch = next(iter(module(folder).train_dataloader()))
    assert batch["frames"].shape == (8, 25, 96, 96, 3) and batch["frames"].dtype == torch.uint8
    assert batch["audio"].shape == (8, 25 * 640) and batch["audio"].dtype == torch.float32


def test_picture_and_sound_of_a_segment_belong_together(folder):
    """The drawn mouth is as dark as the sound is loud, in every segment wherever it was cut."""
    batch = next(iter(module(folder).train_dataloader()))
    dark = -batch["frames"][:, :, 40:88, 24:72].float().mean(dim=(2, 3, 4))  # (B, T)
    loud = batch["audio"].unflatten(1, (25, 640)).square().mean(dim=2).sqrt()
    for picture, sound in zip(dark, loud, strict=True):
        assert torch.corrcoef(torch.stack([picture, sound]))[0, 1] > 0.6


@pytest.mark.parametrize("workers", [0, 1])
def test_the_same_seed_gives_the_same_order_and_epochs_differ(folder, workers):
    first, second = (epochs(module(folder, workers=workers).train_dataloader(), 2) for _ in range(2))
    assert first == second
    assert first[0] != first[1]
    assert first != epochs(module(folder, workers=workers, seed=1).train_dataloader(), 2)


def test_validation_sees_every_segment_once(folder):
    keys = list(itertools.chain(*epochs(module(folder).val_dataloader(), 1)[0]))
    assert sorted(keys) == sorted(f"mouth{n:04d}" for n in range(24) for _ in range(2))


def test_too_few_clips_for_a_batch_are_refused(folder):
    with pytest.raises(ShardError, match="lower data.batch_size"):
        module(folder, batch_size=64).train_dataloader()


def test_too_few_shards_of_validation_for_the_devices_are_refused(folder):
    """One would have none, and the others wait for it for ever."""
    shards = len(read_index(folder))
    for scenes in (module(folder), ScenesDataModule(folder, folder, folder)):
        scenes.trainer = SimpleNamespace(world_size=shards)
        scenes.val_dataloader()
        scenes.trainer = SimpleNamespace(world_size=shards + 1)
        with pytest.raises(ShardError, match=f"shared by {shards + 1} devices; lower trainer.devices") as caught:
            scenes.val_dataloader()
        assert "\n" not in str(caught.value)


def test_too_few_shards_for_the_workers_are_refused(folder):
    from avsync.data.loading import ShuffledShards

    with pytest.raises(ShardError, match="lower data.workers"):
        next(iter(ShuffledShards([], 0)))


@pytest.mark.parametrize("stage", ["train", "val"])
def test_a_segment_longer_than_every_clip_is_refused_at_once(folder, stage):
    """Training would wait for one for ever."""
    with pytest.raises(ShardError, match="no clip lasts data.segment=3 s, the longest 2 s; lower data.segment"):
        getattr(module(folder, segment=3.0), f"{stage}_dataloader")()


def test_a_device_whose_clips_of_validation_are_all_too_short_is_refused(tmp_path):
    """The others would wait for it."""
    write_shards((encoded(draw_mouth(n, seconds)) for n, seconds in enumerate((2.0, 0.6))), tmp_path, 1)
    data = module(tmp_path)
    assert len(list(data.val_dataloader())) == 1
    data.trainer = SimpleNamespace(world_size=2)
    with pytest.raises(ShardError, match="the longest 0.6 s"):
        data.val_dataloader()


@pytest.mark.parametrize("stage", ["train", "val"])
def test_whole_frames_are_no_faces(tmp_path, stage):
    clip = draw_mouth(0, 2.0)
    told = clip.meta | {"crop": "frame"}
    write_shards([encoded(replace(clip, frames=clip.frames[:, :64], meta=told))], tmp_path)
    with pytest.raises(ShardError, match="holds whole frames.*crop=face"):
        getattr(module(tmp_path, batch_size=1), f"{stage}_dataloader")()
    write_shards([encoded(replace(clip, meta=told))], tmp_path)  # videos that are faces already, cut out by others
    batch = next(iter(getattr(module(tmp_path, batch_size=1), f"{stage}_dataloader")()))
    assert batch["frames"].shape[2:] == (96, 96, 3)
