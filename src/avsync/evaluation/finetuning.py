"""Fine-tuning: a copy of the whole network is trained with a linear head to name what sounds in a clip.

A step takes some frames of each clip of a batch with the sound around them; the two tokens side by side (2 D numbers)
go through the head, and the scores of a clip's frames are averaged. Clips are decoded once and kept, ``net.frames``
frames of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from avsync import clock
from avsync.data.events import labels_of
from avsync.data.scene import evenly
from avsync.data.shards import OpenClip
from avsync.evaluation.embeddings import opened, pictures_of

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae


@dataclass(frozen=True)
class Held:
    """What is kept of a clip.

    Attributes:
        frames: (F, H, W, C) uint8.
        times: (F,) seconds.
        audio: (S,) the whole of it.
        target: (C,) multi-hot.
    """

    frames: Tensor
    times: Tensor
    audio: Tensor
    target: Tensor


class FineTuning:
    """A short training, the same each time.

    Args:
        epochs: Passes over the training clips; 0 for no fine-tuning.
        lr: Highest learning rate of the network; it rises and falls once.
        head_lr: Of the head, which begins at nothing.
        weight_decay: AdamW's.
        batch_size: Clips in a step.
        frames_per_clip: Frames of a clip in a step, at random.
        clips: The most that are trained on; None for all. 1.5 MB each for 10 s of 112 pixels and 16 frames.
        seed: Of the order and of the frames.
        progress: Show a bar.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/evaluation/part/classification.yaml
        self,
        epochs: int = 5,
        lr: float = 1e-4,
        head_lr: float = 1e-2,
        weight_decay: float = 0.01,
        batch_size: int = 16,
        frames_per_clip: int = 2,
        clips: int | None = None,
        seed: int = 0,
        progress: bool = True,
    ):
        self.epochs, self.lr, self.head_lr, self.weight_decay = epochs, lr, head_lr, weight_decay
        self.batch_size, self.frames_per_clip, self.clips = batch_size, frames_per_clip, clips
        self.seed, self.progress = seed, progress

    def __call__(
        self, net: CavMae, train: Sequence[Path], test: Sequence[Path], kinds: Sequence[str], single: bool
    ) -> Tensor:
        """Train a copy of ``net`` on one folder and name the clips of another.

        Args:
            net: Stays as it is.
            train: Folders of shards.
            test: The same.
            kinds: C names.
            single: A clip has exactly one of them.

        Returns:
            (N, C) scores of the test clips, in their order.
        """
        net = deepcopy(net).train()
        device = next(net.parameters()).device
        head = nn.Linear(2 * net.width, len(kinds)).to(device)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        held = list(self._held(net, train, kinds, self.clips))
        generator = torch.Generator().manual_seed(self.seed)
        batches = max(1, len(held) // self.batch_size)
        optimizer = torch.optim.AdamW(
            [{"params": net.parameters(), "lr": self.lr}, {"params": head.parameters(), "lr": self.head_lr}],
            weight_decay=self.weight_decay,
        )
        steps = self.epochs * batches
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [self.lr, self.head_lr], total_steps=max(2, steps))
        for step in track(range(steps), "fine-tuning", disable=not self.progress, transient=True):
            if step % batches == 0:
                order = torch.randperm(len(held), generator=generator)
            chosen = order[step % batches * self.batch_size :][: self.batch_size].tolist()
            scores = self._scores(net, head, [self._some(held[number], generator) for number in chosen])
            loss = class_loss(scores, torch.stack([held[number].target for number in chosen]).to(device), single)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return self._answers(net.eval(), head, test, kinds)

    @torch.inference_mode()
    def _answers(self, net: CavMae, head: nn.Linear, test: Sequence[Path], kinds: Sequence[str]) -> Tensor:
        return torch.cat([self._scores(net, head, [clip]).cpu() for clip in self._held(net, test, kinds, None)])

    def _held(self, net: CavMae, folders: Sequence[Path], kinds: Sequence[str], most: int | None) -> Iterator[Held]:
        return (_hold(net, clip, kinds) for clip in opened(net, folders, most))

    def _some(self, held: Held, generator: torch.Generator) -> Held:
        which = torch.randperm(len(held.times), generator=generator)[: self.frames_per_clip]
        return Held(held.frames[which], held.times[which], held.audio, held.target)

    @staticmethod
    def _scores(net: CavMae, head: nn.Linear, clips: list[Held]) -> Tensor:
        """(B, C): every clip with the same number of frames; shorter ones end in silence."""
        device, longest = head.weight.device, max(len(clip.audio) for clip in clips)
        audio = torch.stack([F.pad(clip.audio, (0, longest - len(clip.audio))) for clip in clips])
        windows = net.windows(
            audio.to(device), torch.stack([clip.times for clip in clips]).to(device)
        )  # (B, F, L, mels)
        pictures = torch.cat([net.video_features(clip.frames.to(device)) for clip in clips])  # (B F, C, H, W)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            tokens = [net.encode_video(pictures).token, net.encode_audio(windows.flatten(0, 1)).token]
        return head(torch.cat(tokens, 1).float()).unflatten(0, (len(clips), -1)).mean(1)


def _hold(net: CavMae, clip: OpenClip, kinds: Sequence[str]) -> Held:
    shown = evenly(len(clip.frames), net.frames)
    labels = labels_of(clip.meta)
    target = torch.tensor([float(kind in labels) for kind in kinds])
    times = torch.from_numpy(shown / clock.FPS).float()
    return Held(pictures_of(net, clip, shown), times, torch.from_numpy(clip.audio), target)


def class_loss(scores: Tensor, targets: Tensor, single: bool) -> Tensor:
    """Cross-entropy of (N, C) scores with (N, C) multi-hot targets: of one choice when ``single``, else of C."""
    if single:
        return F.cross_entropy(scores, targets)
    return F.binary_cross_entropy_with_logits(scores, targets)
