"""CAV-MAE's training on drawn lamps: which of four lights up is which of four tones is heard."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from avsync.data.scenes import ScenesDataModule
from avsync.errors import AvsyncError
from avsync.evaluation.retrieval import offset_scores
from avsync.models import checkpoints
from avsync.training import transfer
from avsync.training.cav_mae import CavMaeTraining
from avsync.training.checkpoint_io import AtomicCheckpointIO
from avsync.training.contrast import recall
from avsync.training.diagnosis import Diagnosis
from avsync.training.schedule import warmup_cosine
from killing import KillAt, Killed
from lamps import write_lamps

# Lightning's own, and its advice on workers
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pytorch_lightning.*")


def config(**changes) -> dict:
    """A network of 50,000 parameters: pictures of 32 pixels, windows of 0.32 s."""
    size = dict(width=32, heads=2, depth=1, joint_depth=1, decoder_width=16, decoder_heads=2, decoder_depth=1)
    return {
        "_target_": "avsync.models.cav_mae.CavMae",
        "audio_features": {"_target_": "avsync.features.fbank.Fbank", "mels": 64},
        "video_features": {"_target_": "avsync.features.picture.Picture", "size": 32},
        "masking": {"_target_": "avsync.models.masking.Masking", "audio": 0.5, "video": 0.5},
        "size": size,
        "audio_seconds": 0.32,
        "registers": 2,
    } | changes


def training(net=None, lr=3e-3, **how) -> CavMaeTraining:
    torch.manual_seed(0)
    module = CavMaeTraining(
        checkpoints.build(config(**(net or {}))), partial(torch.optim.Adam, lr=lr), warmup_cosine, **how
    )
    module.net_config = config(**(net or {}))
    return module


def data(folder, **changes) -> ScenesDataModule:
    settings = dict(
        frames_per_clip=4, val_frames=5, decoded_frames=50, size=32, seconds=2.0, batch_size=8, shuffle=16,
        cache="memory",
    )  # fmt: skip
    return ScenesDataModule(folder, folder, folder, **(settings | changes))


def fitted(module, scenes, epochs, resume=None, callbacks=(), folder=None, **how) -> pl.Trainer:
    saves = any(isinstance(one, pl.callbacks.ModelCheckpoint) for one in callbacks)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, enable_checkpointing=saves, callbacks=list(callbacks), default_root_dir=folder,
        plugins=[AtomicCheckpointIO()], **how,
    )  # fmt: skip
    trainer.fit(module, datamodule=scenes, ckpt_path=resume)
    return trainer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_lamps(tmp_path_factory.mktemp("lamps"), range(24))


@pytest.fixture(scope="module")
def learned(folder, tmp_path_factory):
    """After a training of some seconds: the module, what it logged, and the diagnosis."""
    diagnosis = Diagnosis(str(tmp_path_factory.mktemp("run")), window=40)
    module = training(reconstruction=0.3, contrast=1.0)
    trainer = fitted(module, data(folder), 50, callbacks=[diagnosis], check_val_every_n_epoch=50)
    return module, {name: float(value) for name, value in trainer.callback_metrics.items()}, diagnosis


def test_a_small_training_beats_chance_by_a_wide_margin(learned):
    _, metrics, _ = learned
    assert metrics["val/retrieval_chance"] == pytest.approx(1 / 24)
    assert metrics["val/retrieval_r1"] > 0.5
    assert metrics["val/contrast"] < 0.95 * metrics["val/chance"]  # the same lamp is lit in several clips
    assert metrics["val/reconstruction"] < 1.8  # two of 1 where nothing is known


def test_a_healthy_training_is_not_diagnosed(learned):
    assert not learned[2].found


def batch_of(folder, frames=4, size=6) -> dict:
    return next(iter(data(folder, frames_per_clip=frames, batch_size=size).train_dataloader()))


def told_shift(module, folder) -> float:
    """Share of frames whose sound is more like theirs than the sound 0.4 s later or earlier, where another lamp is."""
    module.eval()
    batch = next(iter(data(folder, val_frames=5, batch_size=24).val_dataloader()))
    with torch.no_grad():
        video, audio = module(batch)
    own = (video * audio).sum(dim=2)
    other = torch.maximum(*((video * audio.roll(by, dims=1)).sum(dim=2) for by in (1, -1)))
    return float((own > other).float().mean())


@pytest.mark.slow
def test_temporal_negatives_teach_what_is_when(tmp_path):
    """Every clip has a hum of its own: without negatives in the clip that tells clips apart, and moments are lost."""
    folder = write_lamps(tmp_path, range(12), own=True)
    how = dict(reconstruction=0.0, contrast=1.0)
    net = {"masking": {"_target_": "avsync.models.masking.Masking", "audio": 0.25, "video": 0.25}}
    plain, timely = (training(net=net, temporal_gap=gap, **how) for gap in (None, 0.2))
    for module in (plain, timely):
        fitted(module, data(folder, batch_size=6), 120, check_val_every_n_epoch=200)
    assert told_shift(timely, folder) > told_shift(plain, folder) + 0.08


def jumps(clips: int, draw: torch.Generator) -> dict:
    """A square that jumps up, down, left or right to anywhere, each with its tone, in an order of the clip's own."""
    turns = torch.stack([torch.randperm(4, generator=draw) for _ in range(clips)])
    times = torch.tensor([0.4, 1.2, 2.0, 2.8]).expand(clips, 4)
    frames = torch.zeros(clips, 4, 32, 32, 6, dtype=torch.uint8)
    audio = 0.001 * torch.randn(clips, 3 * 16_000 + 3200, generator=draw)
    for clip, turn in enumerate(turns.tolist()):
        for number, kind in enumerate(turn):
            top, left = torch.randint(8, 17, (2,), generator=draw).tolist()
            down, right = ((-8, 0), (8, 0), (0, -8), (0, 8))[kind]
            frames[clip, number, top : top + 8, left : left + 8, :3] = 255
            frames[clip, number, top - down : top - down + 8, left - right : left - right + 8, 3:] = 255
            first = round(float(times[0, number]) * 16_000) - 2560
            audio[clip, first : first + 5120] += 0.3 * torch.sin(0.11 * 2**kind * torch.arange(5120))
    return {"frames": frames, "audio": audio, "times": times, "key": [f"jumps{clip}" for clip in range(clips)]}


@pytest.mark.slow
@pytest.mark.parametrize("before", [0, 2])
def test_what_acts_is_told_by_its_change_and_by_nothing_else(before):
    """Of four jumps of a clip its own sound is found, where a picture alone leaves one in four."""
    draw = torch.Generator().manual_seed(0)
    picture = {"_target_": "avsync.features.picture.Picture", "size": 32, "before": before}
    net = {"video_features": picture, "standardized": True}
    module = training(net=net, reconstruction=0.0, contrast=1.0, temporal_gap=0.2, temperature=0.1)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)

    def batch_of_jumps(clips: int) -> dict:
        batch = jumps(clips, draw)
        return batch | {"frames": batch["frames"] if before else batch["frames"][..., :3]}

    for _ in range(200):
        loss = module.losses(batch_of_jumps(12), draw)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    module.eval()
    with torch.no_grad():
        video, audio = module(batch_of_jumps(100))
    found = offset_scores(video, audio)["window_acc"]
    assert found > 0.8 if before else found < 0.4


@pytest.mark.parametrize("how", [{}, {"global_local": True}, {"both_ways": False}, {"temporal_gap": 0.3}])
def test_one_step_lowers_its_loss(folder, how):
    batch, module = batch_of(folder), training(**how)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-2)
    before = module.losses(batch, torch.Generator().manual_seed(3))["loss"]
    before.backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad)  # DDP wants every one
    optimizer.step()
    assert module.losses(batch, torch.Generator().manual_seed(3))["loss"] < before


class Progress:
    """As much of a trainer as the temperature looks at."""

    estimated_stepping_batches = 100

    def __init__(self, step: int):
        self.global_step = step


def test_the_temperature_falls_by_the_same_factor_in_every_step():
    module = training(temperature=[0.4, 0.1])
    assert module.temperature() == 0.4
    told = []
    for step in (0, 25, 50, 100, 120):
        module.trainer = progress = Progress(step)
        told.append(module.temperature())
        del progress
    assert told == pytest.approx([0.4, 0.4 / 2**0.5, 0.2, 0.1, 0.1])


def test_schedule_and_temperature_reach_their_end_under_accumulation(folder):
    """Three batches an epoch are two steps, the second of one batch."""
    module, told = training(temperature=[0.4, 0.1]), []
    trainer = fitted(module, data(folder), 2, accumulate_grad_batches=2, callbacks=[Temperatures(told)])
    assert trainer.global_step == trainer.estimated_stepping_batches == 4
    assert told == pytest.approx([0.4 / 4 ** (step / 4) for step in (0, 0, 1, 2, 2, 3)])
    assert module.temperature() == pytest.approx(0.1)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(3e-3 * 0.01)


class Temperatures(pl.Callback):
    """Of every batch."""

    def __init__(self, told: list[float]):
        self.told = told

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.told.append(pl_module.temperature())


def test_defect_3_weights_of_zero_leave_a_part_out(folder):
    """Without reconstruction CAV-MAE Sync's forward fails."""
    batch = batch_of(folder)
    said = training(reconstruction=0.0, contrast=2.0).losses(batch, torch.Generator().manual_seed(0))
    assert said["loss"].item() == pytest.approx(2 * said["contrast"].item())
    said = training(reconstruction=1.0, contrast=0.0).losses(batch, torch.Generator().manual_seed(0))
    assert said["loss"].item() == pytest.approx(said["reconstruction"].item())


def test_one_clip_is_a_batch(folder):
    """Defect 2 of CAV-MAE Sync's code: a batch of one loses its dimension. With one pair there is nothing to choose."""
    said = training().losses(batch_of(folder, frames=1, size=1))
    assert said["video"].shape == (1, 1, 32) and said["contrast"] == 0 and said["loss"].isfinite()


def test_mask_ratios_of_batches_differ_and_depend_on_the_step_alone(folder):
    """Defect 8 of CAV-MAE Sync's code: on one device it draws the same ratio at every step."""
    masking = {"_target_": "avsync.models.masking.Masking", "audio": [0.2, 0.9], "video": [0.2, 0.9]}
    module, shares = training(net={"masking": masking}), {}
    module.net.register_forward_hook(
        lambda net, given, out: shares.setdefault(step, []).append(out.mask_a.mean().item())
    )
    batch = batch_of(folder, size=1)
    for step in [*range(16), *range(16)]:
        module.losses(batch, *module._draws(step))
    assert all(len(set(pair)) == 1 for pair in shares.values()) and len({pair[0] for pair in shares.values()}) >= 4


class Rank:
    """As much of a trainer as masks look at."""

    def __init__(self, rank: int):
        self.global_rank = rank


def test_devices_hide_the_same_share_of_different_places(folder):
    """They gather the places that are left, and wait for ever for shapes that differ."""
    masking = {"_target_": "avsync.models.masking.Masking", "audio": [0.2, 0.9], "video": [0.2, 0.9]}
    module, batch, masks = training(net={"masking": masking}), batch_of(folder), []
    module.net.register_forward_hook(lambda net, given, out: masks.append((out.mask_a, out.mask_v)))
    for rank in (0, 1):
        module.trainer = trainer = Rank(rank)
        for step in range(4):
            module.losses(batch, *module._draws(step))
        del trainer
    for one, other in zip(masks[:4], masks[4:], strict=True):
        assert all(torch.equal(a.sum(dim=1), b.sum(dim=1)) for a, b in zip(one, other, strict=True))
        assert not torch.equal(one[0], other[0])


def test_contrast_stays_in_single_precision(folder):
    batch, module = batch_of(folder), training()
    exact = module.losses(batch, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        half = module.losses(batch, torch.Generator().manual_seed(0))
    assert half["loss"].dtype == half["contrast"].dtype == half["video"].dtype == torch.float32
    assert half["loss"].item() == pytest.approx(exact["loss"].item(), rel=0.05)


@pytest.mark.parametrize("named", [True, False])
def test_a_training_that_goes_on_is_the_one_that_was_never_stopped(named, folder, tmp_path):
    """Weights to the last bit: clips, frames, augmentation, masks, optimizer and schedule go on where they were.

    From a checkpoint that is named; or from ``last``, with which a job begins that is queued again when it was ended.
    """
    from avsync.data.augment import Augment
    from avsync.data.effects.picture import Warp
    from avsync.data.effects.sound import Noise

    def run(epochs, **how):
        module = training(net={"masking": {"_target_": "avsync.models.masking.Masking", "audio": [0.3, 0.8]}})
        augment = Augment(colour=True, warp=Warp(), sound={"noise": Noise()})
        fitted(module, data(folder, batch_size=12, augment=augment), epochs, folder=tmp_path, **how)
        return module.state_dict()

    def save() -> pl.Callback:
        return pl.callbacks.ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)

    straight = run(4)
    with pytest.raises(Killed):
        run(4, resume=None if named else "last", callbacks=[save(), KillAt(2)])
    resumed = run(4, resume=tmp_path / "last.ckpt" if named else "last", callbacks=[save()])
    assert all(torch.equal(value, resumed[name]) for name, value in straight.items())
    net, _ = checkpoints.load(tmp_path / "last.ckpt")
    assert net.embed_video(torch.zeros(1, 2, 32, 32, 3, dtype=torch.uint8)).shape == (1, 2, 32)


@torch.no_grad()
def test_what_is_not_reconstructed_is_contrasted(folder):
    batch, how = batch_of(folder), {"reconstruction": 1.0, "contrast": 1.0}
    whole, half = (training(reconstructed=share, **how) for share in (1.0, 0.5))
    all_of, some_of = (module.losses(batch, torch.Generator().manual_seed(3)) for module in (whole, half))
    assert float(all_of["contrast"]) == pytest.approx(float(some_of["contrast"]), rel=1e-4)
    assert all_of["reconstruction"] != some_of["reconstruction"] and all_of["video"].shape == some_of["video"].shape


@pytest.mark.parametrize("share", [0, 1.5])
def test_something_has_to_be_reconstructed(share):
    with pytest.raises(AvsyncError, match=f"reconstructed={share} .*0...1"):
        training(reconstructed=share)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"temperature": [0.07]}, r"temperature=\[0.07\]: expected one above 0, or two"),
        ({"temperature": 0}, "temperature=0: expected one above 0"),
        ({"temporal_gap": 0.0}, "temporal_gap=0.0: expected seconds above 0"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_drawn(given, words):
    with pytest.raises(AvsyncError, match=words):
        training(**given)


def test_windows_as_long_as_the_clip_have_no_temporal_negatives():
    with pytest.raises(AvsyncError, match="are all there is; give a shorter window"):
        fitted(training(temporal_gap=0.3, net={"audio_seconds": 10.24}), data("/nowhere", frames_per_clip=2), 1)


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_whole_clips_have_no_temporal_negatives(gap):
    with pytest.raises(AvsyncError, match="hears the whole clip.*temporal_gap=null"):
        training(net={"audio_seconds": None}, temporal_gap=gap)


def test_one_frame_of_a_clip_has_no_temporal_negatives(folder):
    """Said before anything is decoded; without them one frame is enough, and with several there are some."""
    with pytest.raises(AvsyncError, match=r"temporal_gap=0.3 .*data.frames_per_clip=2.*temporal_gap=null") as caught:
        fitted(training(temporal_gap=0.3), data("/nowhere", frames_per_clip=1), 1)
    assert "\n" not in str(caught.value)
    for gap, frames in ((None, 1), (0.3, 2)):
        fitted(training(temporal_gap=gap), data(folder, frames_per_clip=frames), 1, limit_train_batches=1)


@torch.no_grad()
def test_it_begins_with_a_network_of_shorter_windows_and_smaller_pictures(tmp_path):
    """Whose positions are interpolated, as that network does itself with longer sounds and larger pictures."""
    given, wanted = training(), {"audio_seconds": 0.96, "video_features": config()["video_features"] | {"size": 64}}
    state = {f"net.{name}": value for name, value in given.net.state_dict().items()}
    checkpoints.save({"avsync": {"format": 1, "net": config()}, "state_dict": state}, tmp_path / "given.ckpt")
    larger = training(net=wanted).net
    transfer.begin(larger, str(tmp_path / "given.ckpt"))
    assert larger.audio_encoder.positions.grid == (4, 6) and larger.video_encoder.positions.grid == (4, 4)
    windows, pictures = torch.randn(2, 96, 64), torch.randn(2, 3, 64, 64)
    for name, inputs in (("encode_audio", windows), ("encode_video", pictures)):
        one, other = getattr(given.net.eval(), name)(inputs), getattr(larger.eval(), name)(inputs)
        assert torch.allclose(one.patches, other.patches, atol=1e-5)
    with pytest.raises(checkpoints.CheckpointError, match="does not fit"):
        transfer.begin(training(net=wanted | {"registers": 3}).net, str(tmp_path / "given.ckpt"))


@pytest.mark.parametrize("stem", [(), (4, 4, 8, 8)])
def test_it_begins_with_the_weights_given_and_holds_what_is_frozen(stem, tmp_path, folder):
    """Statistics of batch norms are held too."""
    net = {"size": config()["size"] | {"stem": stem}}
    given = training(net, lr=1.0)
    with torch.no_grad():
        for parameter in given.net.parameters():
            parameter.mul_(1.5)
    state = {f"net.{name}": value for name, value in given.net.state_dict().items()}
    checkpoints.save({"avsync": {"format": 1, "net": config(**net)}, "state_dict": state}, tmp_path / "given.ckpt")
    module = training(net, init_from=str(tmp_path / "given.ckpt"), freeze=["video_encoder"])
    fitted(module, data(folder), 1, limit_train_batches=2, limit_val_batches=0)
    same = {name for name, value in module.net.state_dict().items() if torch.equal(value, given.net.state_dict()[name])}
    learned = {name for name, parameter in module.net.named_parameters() if parameter.requires_grad}
    assert {name for name in given.net.state_dict() if name.startswith("video_encoder.")} <= same
    assert learned.isdisjoint(same) and any(name.startswith("audio_encoder.embed.") for name in learned)


def test_recall_counts_both_directions():
    video = F.normalize(torch.eye(3)[:, None], dim=-1)
    audio = video[[0, 1, 1]]  # the third picture finds none of its own, and the first of two equal sounds wins
    assert recall(video, video) == 1.0
    assert recall(video, audio) == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_what_learns_nothing_is_diagnosed(tmp_path, folder):
    """Contrast without weight stays at chance, and that is told with its numbers."""
    diagnosis = Diagnosis(str(tmp_path), window=20, every=5)
    fitted(training(contrast=0.0, lr=1e-5), data(folder), 8, callbacks=[diagnosis], check_val_every_n_epoch=100)
    assert set(diagnosis.found) <= {"chance", "collapsed"} and diagnosis.found
    assert "model.contrast" in "".join(diagnosis.found.values())
