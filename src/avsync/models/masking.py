"""Which patches a masked autoencoder does not see.

He et al., "Masked autoencoders are scalable vision learners", CVPR 2022; kinds for spectrograms: Huang et al.,
"Masked autoencoders that listen", NeurIPS 2022. B clips, P = h w patches of a grid, K of them visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avsync.errors import AvsyncError

KINDS = ("unstructured", "time", "frequency", "both")


class Hidden(NamedTuple):
    """What is hidden of a batch.

    Attributes:
        visible: (B, K) numbers of the patches that are seen.
        mask: (B, P) float, 1 where a patch is hidden.
    """

    visible: Tensor
    mask: Tensor


class Masking(nn.Module):
    """Draws what is hidden.

    Args:
        audio: Share of the sound's patches that is hidden; or two, between which every batch draws its own.
        video: The same for pictures, whose masks are always unstructured.
        kind: Of the sound's mask: ``unstructured`` hides patches, ``time`` whole columns of the spectrogram,
            ``frequency`` whole rows, ``both`` rows and columns, about as many of each. The number of patches asked for
            is exact, so that of the last row or column a part may stay visible.

    Raises:
        AvsyncError: A share is not in 0...1 or the kind is not known.
    """

    def __init__(
        self, audio: float | Sequence[float] = 0.75, video: float | Sequence[float] = 0.75, kind: str = "unstructured"
    ):
        super().__init__()
        if kind not in KINDS:
            raise AvsyncError(f"masking.kind={kind} is not known; expected one of {', '.join(KINDS)}")
        self.audio, self.video, self.kind = _range("audio", audio), _range("video", video), kind

    def shares(self, generator: torch.Generator | None = None) -> tuple[float, float]:
        """A batch's shares of sound and picture; with the same generator the same on every device."""
        return drawn(self.audio, generator), drawn(self.video, generator)

    def hide_audio(
        self,
        batch: int,
        grid: tuple[int, int],
        device: torch.device,
        generator: torch.Generator | None = None,
        share: float | None = None,
    ) -> Hidden:
        """Of spectrograms with ``grid`` = (rows of frequency, columns of time) patches; ``share`` None draws one."""
        share = drawn(self.audio, generator) if share is None else share
        return hidden(batch, grid, share, self.kind, device, generator)

    def hide_video(
        self,
        batch: int,
        grid: tuple[int, int],
        device: torch.device,
        generator: torch.Generator | None = None,
        share: float | None = None,
    ) -> Hidden:
        """Of pictures with ``grid`` = (rows, columns) patches; ``share`` None draws one."""
        share = drawn(self.video, generator) if share is None else share
        return hidden(batch, grid, share, "unstructured", device, generator)


def drawn(between: tuple[float, float], generator: torch.Generator | None = None) -> float:
    """A share, uniform in an interval; anew at every call, from torch's own generator if none is given."""
    low, high = between
    if low == high:
        return low
    device = generator.device if generator else "cpu"
    return low + (high - low) * float(torch.rand((), generator=generator, device=device))


def hidden(  # noqa: PLR0913  what a mask is
    batch: int,
    grid: tuple[int, int],
    ratio: float,
    kind: str = "unstructured",
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> Hidden:
    """A mask for each of ``batch`` clips; at least one patch stays visible."""
    rows, columns = grid

    def places(count: int, *shape: int) -> Tensor:
        """Random numbers 0...1, of equal distance, that say in which order rows or columns are hidden."""
        noise = torch.rand(batch, count, generator=generator, device=generator.device if generator else device)
        return (noise.argsort(1).argsort(1).to(device) + 0.5).div(count).view(batch, *shape)

    single = places(rows * columns, rows, columns)
    late = {
        "unstructured": lambda: single,
        "time": lambda: places(columns, 1, columns),
        "frequency": lambda: places(rows, rows, 1),
        # what is left visible is a smaller grid: some rows and as large a share of the columns
        "both": lambda: torch.maximum(places(columns, 1, columns), places(rows, rows, 1)),
    }[kind]()
    order = (late + 1e-2 * single / max(rows, columns)).flatten(1).argsort(1)  # chance decides among equals
    visible = order[:, : max(1, round(rows * columns * (1 - ratio)))]
    return Hidden(visible, torch.ones(batch, rows * columns, device=device).scatter(1, visible, 0.0))


def _range(name: str, ratio: float | Sequence[float]) -> tuple[float, float]:
    between = (ratio, ratio) if isinstance(ratio, int | float) else tuple(ratio)
    if len(between) != 2 or not 0 <= between[0] <= between[1] < 1:
        raise AvsyncError(
            f"masking.{name}={ratio} is no share of patches to hide; give one below 1, or two, such as 0.75"
        )
    return float(between[0]), float(between[1])
