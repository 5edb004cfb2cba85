r"""CAV-MAE and CAV-MAE Sync: masked reconstruction and contrast of sound and picture, in one network.

Gong et al., "Contrastive audio-visual masked autoencoder", ICLR 2023; Araujo et al., "CAV-MAE Sync: Improving
contrastive audio-visual mask autoencoders via fine-grained alignment", CVPR 2025. Which of the two it is, its
configuration says: CAV-MAE hears the whole clip with every picture and contrasts the mean of the patches; the Sync
variant hears the seconds around a picture, contrasts a global token and has registers.

               sound                              picture
                 |                                   |
     [global] visible patches           [global] visible patches      + positions, modality
          [registers] |                       | [registers]           dropped after these blocks:
              audio blocks                video blocks
                 |       \                   /       |
                 |        without global tokens      |
               joint            joint              joint              the same blocks, a set of norms for each
                 |                |                  |
              token_a          decoder            token_v             contrast, reconstruction, contrast

B clips, F frames of each, N of both together, C planes of a picture, 3 or with its change 6, S samples, L feature steps
of a window, D width. The sound's grid of patches is (frequency, time), the picture's (height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import STEP_RATE
from avsync.errors import AvsyncError
from avsync.models.cav_mae_parts import Decoder, Encoder, Joint, Sizes, Told
from avsync.models.masking import Masking
from avsync.models.vit import PATCH, patchify

WHOLE_SECONDS = 10.24
"""What positions of networks that hear whole clips are made for; other lengths interpolate them."""

AT_ONCE = 64
"""Windows or pictures embedded at once, so that memory does not grow with the clips."""

Grid = tuple[int, int]


class Encoded(NamedTuple):
    """What is seen or heard, nothing hidden.

    Attributes:
        token: (N, D) the global token, or the mean of the patches in a network without; not of unit length.
        patches: (N, h, w, D), in the same space.
    """

    token: Tensor
    patches: Tensor


class MaskedOutput(NamedTuple):
    """What a training step needs.

    Attributes:
        token_a: (N, D) what the sound is contrasted by: its global token, or the mean of its visible patches.
        token_v: The picture's.
        mean_a: (N, D) mean of the sound's visible patches.
        mean_v: The picture's.
        pred_a: (R, P_a, 256) reconstruction of all of the sound's patches, as :meth:`CavMae.patchify_audio` cuts them,
            of the first R pairs.
        pred_v: (R, P_v, 768) the picture's, without its change.
        mask_a: (R, P_a) 1 for patches that were hidden.
        mask_v: (R, P_v) the same.
        places_v: (N, K, D) the picture's visible patches, each by itself; None in a network without places.
    """

    token_a: Tensor
    token_v: Tensor
    mean_a: Tensor
    mean_v: Tensor
    pred_a: Tensor
    pred_v: Tensor
    mask_a: Tensor
    mask_v: Tensor
    places_v: Tensor | None = None


class CavMae(nn.Module):
    """Features, encoders and decoder of both modalities.

    Args:
        audio_features: (B, S) to (B, M, mels); as :class:`~avsync.features.fbank.Fbank`.
        video_features: (..., H, W, C) uint8 to (..., C, size, size); has ``size``, ``planes`` for C, and ``before``.
        size: How large: what :class:`~avsync.models.cav_mae_parts.Sizes` lists.
        masking: What is hidden in training.
        audio_seconds: Length of the window of sound around a picture, rounded to patches of 0.16 s; None for the whole
            clip.
        frames: Pictures of a clip that evaluations look at.
        registers: Register tokens of each modality.
        global_token: Contrast a global token of each modality; otherwise the mean of its patches.
        contrastive_heads: Blocks that only what is contrasted runs through.
        learned_positions: Train positions; otherwise they are sines and cosines.
        standardized: What is contrasted has zero mean and unit variance over the batch, and in evaluation over what was
            trained on. Without it a network that begins from nothing makes everything alike first.
        places: Have each patch of the picture tell by itself what it shows, without attention to the others (Zhou et
            al., "Extract free dense labels from CLIP", ECCV 2022): attention leaves what it gathers anywhere.

    Attributes:
        width: D.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/model/net
        self,
        audio_features: nn.Module,
        video_features: nn.Module,
        size: Mapping[str, Any],
        masking: Masking | None = None,
        audio_seconds: float | None = 4.16,
        frames: int = 16,
        registers: int = 8,
        global_token: bool = True,
        contrastive_heads: int = 0,
        learned_positions: bool = False,
        standardized: bool = False,
        places: bool = False,
    ):
        super().__init__()
        self.audio_features, self.video_features = audio_features, video_features
        self.masking = masking or Masking()
        self.audio_seconds, self.frames, self.has_global_token = audio_seconds, frames, global_token
        sizes = Sizes(**size)
        self.width = sizes.width
        steps = WHOLE_SECONDS if audio_seconds is None else audio_seconds
        self.columns = max(1, round(steps * STEP_RATE / PATCH))
        self.audio_grid = _grid("mels", int(audio_features.mels), PATCH * self.columns)  # type: ignore[arg-type]
        side = int(video_features.size)  # type: ignore[arg-type]
        self.video_grid = _grid("pixels", side, side)
        given = (sizes, registers, global_token, learned_positions)
        self.audio_encoder = Encoder(1, self.audio_grid, *given)
        planes = int(video_features.planes)  # type: ignore[arg-type]
        self.video_encoder = Encoder(planes, self.video_grid, *given)
        self.joint = Joint(sizes, contrastive_heads)
        self.decoder = Decoder(self.audio_grid, self.video_grid, sizes, learned_positions)
        self.told = nn.ModuleDict({name: Told(self.width, global_token, standardized) for name in ("audio", "video")})
        self.has_places = places
        self.place = nn.BatchNorm1d(self.width, affine=False) if places and standardized else None

    def windows(self, audio: Tensor, times: Tensor) -> Tensor:
        """The sound around pictures, out of features that are computed once for a clip.

              clip    |=======================|
              window      [----- t -----]
              near the end       [------ t ---]     shifted back inside, t is no longer its middle

        Args:
            audio: (B, S) whole clips at 16 kHz; clips shorter than a window are followed by silence.
            times: (B, F) seconds within the clip at which pictures are shown.

        Returns:
            (B, F, L, mels).
        """
        count = int(self.audio_features.count(audio.shape[1]))  # type: ignore[operator]
        length = -(-count // PATCH) * PATCH if self.audio_seconds is None else PATCH * self.columns
        if self._hears_all(audio):
            steps = self._filled(self.audio_features(audio), length)  # (B, L, mels)
            return steps[:, None].expand(-1, times.shape[1], -1, -1)
        first = (times * STEP_RATE).round().long() - length // 2
        return self.audio_features.cut(audio, first.clamp(min=0, max=count - length), length)  # type: ignore[operator]

    def encode_audio(self, windows: Tensor) -> Encoded:
        """(N, L, mels) of any length; what is missing to whole patches is filled up with silence."""
        patches, grid = self._cut_audio(windows)
        return self._encoded("audio", self.audio_encoder, patches, grid)

    def encode_video(self, pictures: Tensor) -> Encoded:
        """(N, C, H, W) of any height and width that are multiples of 16."""
        patches, grid = self._cut_video(pictures)
        return self._encoded("video", self.video_encoder, patches, grid)

    def encode_places(self, pictures: Tensor) -> Tensor:
        """(N, C, H, W) to (N, h, w, D), what to compare with the sound's token: where is it?

        The patches as :meth:`encode_video` gives them in a network without places.
        """
        if not self.has_places:
            return self.encode_video(pictures).patches
        patches, grid = self._cut_video(pictures)
        return self._alone(self.video_encoder.placed(patches, grid)).unflatten(1, grid)

    def embed_audio(self, audio: Tensor, times: Tensor) -> Tensor:
        """(B, S) at 16 kHz and (B, F) seconds to (B, F, D) of unit length."""
        heard = times[:, :1] if self._hears_all(audio) else times  # the same for every picture
        windows = self.windows(audio, heard)
        tokens = in_pieces(lambda piece: self.encode_audio(piece).token, windows.flatten(0, 1))
        return _unit(tokens, len(audio)).expand(-1, times.shape[1], -1)

    def embed_video(self, frames: Tensor) -> Tensor:
        """(B, F, H, W, C) uint8 to (B, F, D) of unit length."""
        tokens = in_pieces(lambda piece: self.encode_video(self.video_features(piece)).token, frames.flatten(0, 1))
        return _unit(tokens, len(frames))

    def forward(
        self,
        windows: Tensor,
        pictures: Tensor,
        generator: torch.Generator | None = None,
        reconstructed: int | None = None,
        shares: tuple[float | None, float | None] = (None, None),
    ) -> MaskedOutput:
        """Hide, encode what is visible, reconstruct what is not.

        Args:
            windows: (N, L, mels).
            pictures: (N, C, H, W).
            generator: Draws the masks; None for torch's own.
            reconstructed: R, of how many pairs; None for all.
            shares: Of sound and picture that are hidden, as :meth:`Masking.shares` draws them; None to draw them here.
        """
        patches_a, grid_a = self._cut_audio(windows)
        patches_v, grid_v = self._cut_video(pictures)
        seen_a, mask_a = self.masking.hide_audio(len(windows), grid_a, windows.device, generator, shares[0])
        seen_v, mask_v = self.masking.hide_video(len(pictures), grid_v, pictures.device, generator, shares[1])
        audio = self.audio_encoder(self.audio_encoder.placed(patches_a, grid_a, seen_a))
        placed_v = self.video_encoder.placed(patches_v, grid_v, seen_v)
        video = self.video_encoder(placed_v)
        first = int(self.has_global_token)
        part = slice(reconstructed)
        parts = {"audio": audio, "video": video}
        both = {"joint": torch.cat([audio[part, first:], video[part, first:]], dim=1)}
        alike = len(both["joint"]) == len(audio)  # then the joint block's matrices see all three at once
        out = self.joint(parts | both) if alike else self.joint(parts) | self.joint(both)
        pred_a, pred_v = self.decoder(out["joint"], (seen_a[part], seen_v[part]), (grid_a, grid_v))
        (token_a, mean_a), (token_v, mean_v) = self.told["audio"](out["audio"]), self.told["video"](out["video"])
        places_v = self._alone(placed_v) if self.has_places else None
        return MaskedOutput(token_a, token_v, mean_a, mean_v, pred_a, pred_v, mask_a[part], mask_v[part], places_v)

    def patchify_audio(self, windows: Tensor) -> Tensor:
        """(N, L, mels) to (N, P_a, 256), what ``pred_a`` should be; in a patch bands are rows and steps columns."""
        return self._cut_audio(windows)[0]

    def patchify_video(self, pictures: Tensor) -> Tensor:
        """(N, C, H, W) to (N, P_v, 768), what ``pred_v`` should be."""
        return self._cut_video(pictures[:, :3])[0]

    def _hears_all(self, audio: Tensor) -> bool:
        """Whether every picture of (B, S) hears the whole clip."""
        count = int(self.audio_features.count(audio.shape[1]))  # type: ignore[operator]
        return self.audio_seconds is None or count <= PATCH * self.columns

    def _encoded(self, name: str, encoder: Encoder, patches: Tensor, grid: Grid) -> Encoded:
        tokens = self.joint({name: encoder(encoder.placed(patches, grid))})[name]
        told = cast("Told", self.told[name])
        return Encoded(told(tokens)[0], told.patches(tokens).unflatten(1, grid))

    def _alone(self, placed: Tensor) -> Tensor:
        """The picture's patches (N, K, D) to what each says by itself, in the same order."""
        tokens = self.video_encoder.alone(placed)
        lone = self.joint({"video": tokens.flatten(0, 1)[:, None]})["video"][:, 0]
        return (lone if self.place is None else self.place(lone.float())).view_as(tokens)

    def _cut_audio(self, windows: Tensor) -> tuple[Tensor, Grid]:
        windows = self._filled(windows, -(-windows.shape[1] // PATCH) * PATCH)
        grid = _grid("mels", windows.shape[2], windows.shape[1])
        if grid[0] != self.audio_grid[0]:
            raise AvsyncError(f"sound has {windows.shape[2]} bands, the network hears {PATCH * self.audio_grid[0]}")
        return patchify(windows.transpose(1, 2)[:, None]), grid

    def _cut_video(self, pictures: Tensor) -> tuple[Tensor, Grid]:
        grid = _grid("pixels", pictures.shape[2], pictures.shape[3])
        return patchify(pictures), grid

    def _filled(self, steps: Tensor, length: int) -> Tensor:
        """(N, M, mels) followed by silence up to ``length`` steps."""
        missing = max(0, length - steps.shape[1])
        return F.pad(steps, (0, 0, 0, missing), value=float(self.audio_features.silence)) if missing else steps  # type: ignore[arg-type]


def in_pieces(encode: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """What ``encode`` gives for (N, ...), some at a time."""
    return torch.cat([encode(piece) for piece in inputs.split(AT_ONCE)])


def _unit(tokens: Tensor, clips: int) -> Tensor:
    return F.normalize(tokens.float(), dim=-1).unflatten(0, (clips, -1))


def _grid(what: str, height: int, width: int) -> Grid:
    if height % PATCH or width % PATCH or not height or not width:
        raise AvsyncError(
            f"{height} x {width} {what} are no whole patches; give multiples of {PATCH}, such as 224 x 224"
        )
    return height // PATCH, width // PATCH
