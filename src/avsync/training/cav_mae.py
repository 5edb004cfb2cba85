"""Training of CAV-MAE and CAV-MAE Sync: masked reconstruction with contrast.

Gong et al., "Contrastive audio-visual masked autoencoder", ICLR 2023; Araujo et al., "CAV-MAE Sync", CVPR 2025.
B clips, F frames of each, N = B F pairs of a frame and the sound around it, D width.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avsync import clock
from avsync.errors import AvsyncError
from avsync.losses import info_nce, masked_mse
from avsync.models.cav_mae import CavMae
from avsync.training.contrast import everywhere, numbered, recall, told_apart
from avsync.training.module import NetworkTraining


class CavMaeTraining(NetworkTraining):
    """Hides most of each picture and sound, has them made again, and has each picture find its own sound.

    Args:
        net: See :mod:`avsync.models.cav_mae`.
        optimizer: From parameters to an optimizer.
        scheduler: From an optimizer and the number of steps to a schedule that advances every step, or None.
        reconstruction: Weight of the reconstruction's losses, of sound and of picture.
        reconstructed: Share of a step's pairs that are reconstructed, 0...1 without 0; the contrast sees all.
        contrast: Weight of the contrast.
        temperature: Of the contrast, which divides the cosine; a pair falls from the one to the other over the run, by
            the same factor in every step: a network that begins from nothing begins with the higher, and tells what is
            alike apart with the lower.
        both_ways: Pictures choose among sounds and sounds among pictures; otherwise only one of them, as in the paper.
        global_local: Contrast the means of the patches too, with each other. A network with places contrasts the
            sound's token with the best of them as well. The contrast is the mean of all of these.
        temporal_gap: Seconds from which on other frames of the same clip are negatives too; None leaves them out.
        init_from: What the network begins with: a checkpoint, or weights of a masked autoencoder of pictures; or None.
        init_parts: Parts of the network that begin with it; none for all.
        freeze: Parts of the network that stay as they are.
        seed: Of the masks and of what else a step draws.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/model/cav_mae.yaml
        self,
        net: CavMae,
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        *,
        reconstruction: float = 1.0,
        reconstructed: float = 1.0,
        contrast: float = 0.01,
        temperature: float | Sequence[float] = 0.05,
        both_ways: bool = True,
        global_local: bool = False,
        temporal_gap: float | None = None,
        init_from: str | None = None,
        init_parts: Sequence[str] = (),
        freeze: Sequence[str] = (),
        seed: int = 0,
    ):
        super().__init__(net, optimizer, scheduler, init_from, init_parts, freeze, seed)
        if temporal_gap is not None and net.audio_seconds is None:
            raise AvsyncError(
                f"model.temporal_gap={temporal_gap} wants frames that hear different sounds; this network hears the "
                "whole clip with each; give model.net.audio_seconds or model.temporal_gap=null"
            )
        between = (temperature,) * 2 if isinstance(temperature, int | float) else tuple(temperature)
        if len(between) != 2 or min(between) <= 0:
            raise AvsyncError(f"model.temperature={temperature}: expected one above 0, or two, from first to last step")
        if temporal_gap is not None and temporal_gap <= 0:
            raise AvsyncError(f"model.temporal_gap={temporal_gap}: expected seconds above 0, such as 0.3, or null")
        if not 0 < reconstructed <= 1:
            raise AvsyncError(f"model.reconstructed={reconstructed} is no share of pairs; expected 0...1 without 0")
        self.reconstruction, self.reconstructed, self.contrast = reconstruction, reconstructed, contrast
        self.temperatures = between
        self.both_ways, self.global_local, self.temporal_gap = both_ways, global_local, temporal_gap
        self.measured: list[tuple[Tensor, Tensor, dict[str, float]]] = []

    def setup(self, stage: str) -> None:
        """Begin, if the data have what the objective wants.

        Raises:
            AvsyncError: There are to be negatives within a clip, and a sample has but one frame of it, or all of them
                hear the same.
            CheckpointError: As in :class:`~avsync.training.module.NetworkTraining`.
        """
        frames = getattr(self.trainer.datamodule, "frames_per_clip", None)  # type: ignore[attr-defined]
        if stage == "fit" and self.temporal_gap is not None and frames == 1:
            raise AvsyncError(
                f"model.temporal_gap={self.temporal_gap} wants several frames of a clip in a batch, and there is one; "
                "give data.frames_per_clip=2 and half the data.batch_size, or model.temporal_gap=null"
            )
        heard = getattr(getattr(self.trainer.datamodule, "read", None), "seconds", None)  # type: ignore[attr-defined]
        if stage == "fit" and self.temporal_gap is not None and heard and (self.net.audio_seconds or 0) >= heard:
            raise AvsyncError(
                f"model.temporal_gap={self.temporal_gap} wants frames that hear different sounds; "
                f"model.net.audio_seconds={self.net.audio_seconds} of clips of data.seconds={heard} are all there is; "
                "give a shorter window or model.temporal_gap=null"
            )
        super().setup(stage)

    def forward(self, batch: dict) -> tuple[Tensor, Tensor]:
        """A batch of scenes to (B, F, D) embeddings of both streams, unit length."""
        return self.net.embed_video(batch["frames"]), self.net.embed_audio(batch["audio"], batch["times"])

    def training_step(self, batch: dict, index: int) -> dict[str, Any]:
        """Loss of a batch; its parts and embeddings for whoever wants to look at them."""
        # masks depend on the step alone: a training that is gone on with hides what it would have hidden
        step = self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        said = self.losses(batch, *self._draws(step))
        for name in ("loss", "contrast", "reconstruction"):
            self.log(f"train/{name}", said[name].detach(), prog_bar=name == "loss", batch_size=len(batch["audio"]))
        return {name: value if name == "loss" else value.detach() for name, value in said.items()}

    def losses(
        self,
        batch: dict,
        draws: torch.Generator | None = None,
        shares: tuple[float | None, float | None] = (None, None),
    ) -> dict[str, Tensor]:
        """``loss``, its parts ``contrast`` and ``reconstruction``, the contrast's ``chance``, ``video``, ``audio``.

        Args:
            batch: See :class:`avsync.data.scenes.ScenesDataModule`.
            draws: Of the masks.
            shares: That they hide, see :meth:`avsync.models.cav_mae.CavMae.forward`.

        Returns:
            Scalars, of all devices' pairs where it is the contrast; and (B, F, D) embeddings of what was not hidden.
        """
        windows = self.net.windows(batch["audio"], batch["times"]).flatten(0, 1)
        pictures = self.net.video_features(batch["frames"]).flatten(0, 1)
        some = max(1, round(self.reconstructed * len(windows)))
        out = self.net(windows, pictures, draws, some, shares)
        with torch.autocast(self.device.type, enabled=False):  # half precision cannot tell near embeddings apart
            # also when its weight is 0: DDP wants every parameter to take part
            again = masked_mse(out.pred_a, self.net.patchify_audio(windows[:some]), out.mask_a)
            again = again + masked_mse(out.pred_v, self.net.patchify_video(pictures[:some]), out.mask_v)
            contrast, chance = self._contrast(out, batch)
        shape = batch["times"].shape
        return {
            "loss": self.reconstruction * again + self.contrast * contrast,
            "contrast": contrast,
            "reconstruction": again,
            "chance": chance,
            "video": nn.functional.normalize(out.token_v.float(), dim=1).unflatten(0, shape),
            "audio": nn.functional.normalize(out.token_a.float(), dim=1).unflatten(0, shape),
        }

    def _contrast(self, out: Any, batch: dict) -> tuple[Tensor, Tensor]:
        """The contrast over all devices, and what it is for a network that knows nothing."""
        times = self._heard(batch)
        clip = numbered(batch["key"]).to(times.device)[:, None].expand_as(times)
        # devices' shares of the validation differ in size
        gather = everywhere if self.training else nn.Identity()
        negatives = told_apart(gather(clip.flatten()), gather(times.flatten()), self.temporal_gap)

        def told(audio: Tensor, video: Tensor) -> Tensor:
            both = gather(audio.float()), gather(video.float())
            return info_nce(*both, self.temperature(), self.both_ways, allowed=negatives)

        contrasts = [told(out.token_a, out.token_v)]
        if self.global_local:
            contrasts.append(told(out.mean_a, out.mean_v))
        if out.places_v is not None:
            contrasts.append(told(out.token_a, out.places_v))
        return torch.stack(contrasts).mean(), (1 + negatives.sum(dim=1)).log().mean()

    def temperature(self) -> float:
        """Of the contrast at this step."""
        first, last = self.temperatures
        if self._trainer is None or first == last:
            return first
        done = min(1.0, self.trainer.global_step / max(1, self.trainer.estimated_stepping_batches))
        return first * (last / first) ** done

    def _heard(self, batch: dict) -> Tensor:
        """(B, F) seconds in the middle of what is heard: at a clip's ends windows do not move on with the frames."""
        half, seconds = (self.net.audio_seconds or 0.0) / 2, batch["audio"].shape[1] / clock.SAMPLE_RATE
        return batch["times"].clamp(min=half, max=max(half, seconds - half))

    def _draws(self, when: int | str) -> tuple[torch.Generator, tuple[float, float]]:
        """What draws the masks, of each device its own, and the shares they hide, of all the same: they gather."""
        own, all_of = (zlib.crc32(f"{self.seed}/{when}{who}".encode()) for who in (f"/{self.global_rank}", ""))
        shares = self.net.masking.shares(torch.Generator().manual_seed(all_of))
        return torch.Generator(self.device).manual_seed(own), shares

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's clips."""
        self.measured = []

    def validation_step(self, batch: dict, index: int) -> None:
        """Loss under masks that stay the same, and the embeddings of whole pictures and sounds."""
        video, audio = self(batch)
        said = self.losses(batch, *self._draws(f"val/{index}"))
        numbers = {name: float(said[name]) for name in ("loss", "contrast", "reconstruction", "chance")}
        self.measured.append((video.float().cpu(), audio.float().cpu(), numbers))

    def on_validation_epoch_end(self) -> None:
        """Log mean losses and retrieval among all clips, the same on every device."""
        measured = self.gathered(self.measured)
        if not measured:
            return
        video, audio = (torch.cat(stream) for stream in list(zip(*measured, strict=True))[:2])
        for name in measured[0][2]:
            weighed = sum(numbers[name] * len(clips) for clips, _, numbers in measured)
            self.log(f"val/{name}", weighed / len(video))
        self.log("val/retrieval_r1", recall(video, audio), prog_bar=True)
        self.log("val/retrieval_chance", 1 / len(video))
