"""Weights of CAV-MAE and CAV-MAE Sync as their authors released them, under our names.

Everything that configures such a network is read from its tensors: depths and widths, the length of the window of
sound, the size of the pictures, registers and the global token. The released blocks hold three sets of norms each; all
but the joint block's two others have never been used and are left behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torch import Tensor

PATCH = 16
"""Pixels of a side of a patch; also steps and bands of a spectrogram's."""

HEAD, DECODER_HEAD = 64, 32
"""Width of an attention head in the encoder and the decoder; no tensor tells it."""

WHOLE = 1024
"""Steps that their loader fills every clip up to, so that one of 10 s ends in 26 of padding."""

ROWS = 128 // PATCH
"""Rows of patches of a spectrogram of 128 bands."""

MODALITY = {"a": "audio", "v": "video"}

NAMES = {
    "patch_embed_{m}.proj.{end}": "{m}_encoder.embed.{end}",
    "pos_embed_{m}": "{m}_encoder.positions.table",
    "modality_{m}": "{m}_encoder.modality",
    "cls_token_{m}": "{m}_encoder.global_token",
    "registers_{m}": "{m}_encoder.registers",
    "blocks_{m}.{n}.norm{k}.{end}": "{m}_encoder.blocks.{n}.norm{k}.own.{end}",
    "blocks_{m}.{n}.attn.{end}": "{m}_encoder.blocks.{n}.attention.{end}",
    "blocks_{m}.{n}.mlp.{end}": "{m}_encoder.blocks.{n}.mlp.{end}",
    "blocks_u.{n}.norm{k}.{end}": "joint.blocks.{n}.norm{k}.joint.{end}",
    "blocks_u.{n}.norm{k}_{m}.{end}": "joint.blocks.{n}.norm{k}.{m}.{end}",
    "blocks_u.{n}.attn.{end}": "joint.blocks.{n}.attention.{end}",
    "blocks_u.{n}.mlp.{end}": "joint.blocks.{n}.mlp.{end}",
    "norm_{m}.{end}": "joint.norms.{m}.{end}",
    "norm.{end}": "joint.norms.joint.{end}",
    "decoder_embed.{end}": "decoder.embed.{end}",
    "mask_token": "decoder.hidden",
    "decoder_modality_{m}": "decoder.{m}_modality",
    "decoder_pos_embed_{m}": "decoder.{m}_positions.table",
    "decoder_blocks.{n}.norm{k}.{end}": "decoder.blocks.{n}.norm{k}.own.{end}",
    "decoder_blocks.{n}.attn.{end}": "decoder.blocks.{n}.attention.{end}",
    "decoder_blocks.{n}.mlp.{end}": "decoder.blocks.{n}.mlp.{end}",
    "decoder_norm.{end}": "decoder.norm.{end}",
    "decoder_pred_{m}.{end}": "decoder.{m}_pixels.{end}",
}
"""Their names, and ours: {m} is the modality, {n} a block, {k} the first or second norm, {end} the rest."""

PARTS = {"n": r"\d+", "k": "[12]", "end": r"[\w.]+"}
"""What may stand there; the modality is a or v, and audio or video."""

UNUSED = re.compile(r"(blocks_[av]|decoder_blocks)\.\d+\.norm[12]_[av]\.\w+")


def fits(names: Any) -> bool:
    """Whether a file with tensors of these names is one of theirs, or was meant to be."""
    return all(any(name.startswith(part) for name in names) for part in ("patch_embed_a.", "blocks_a.", "blocks_u."))


def config(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The network's, from its tensors.

    Raises:
        KeyError: One that tells a size is missing.
    """
    width, decoder_width = tensors["pos_embed_a"].shape[2], tensors["decoder_pos_embed_a"].shape[2]
    columns = tensors["pos_embed_a"].shape[1] // ROWS
    registers = len(tensors["register_tokens"]) // 2 if "register_tokens" in tensors else 0
    return {
        "_target_": "avsync.models.cav_mae.CavMae",
        "audio_features": {"_target_": "avsync.features.fbank.Fbank", "mels": PATCH * ROWS, "whole": WHOLE},
        "video_features": {
            "_target_": "avsync.features.picture.Picture",
            "size": PATCH * round(tensors["pos_embed_v"].shape[1] ** 0.5),
        },
        "size": {
            "width": width,
            "heads": width // HEAD,
            "depth": _depth(tensors, "blocks_a"),
            "joint_depth": _depth(tensors, "blocks_u"),
            "decoder_width": decoder_width,
            "decoder_heads": decoder_width // DECODER_HEAD,
            "decoder_depth": _depth(tensors, "decoder_blocks"),
        },
        "masking": {"_target_": "avsync.models.masking.Masking", "audio": 0.75, "video": 0.75},
        "audio_seconds": round(columns * PATCH / 100, 2),
        "frames": 16,
        "registers": registers,
        "global_token": "cls_token_a" in tensors,
        "contrastive_heads": 0,
    }


def renamed(tensors: dict[str, Tensor]) -> dict[str, tuple[str, Tensor]]:
    """Tensors under our names, each with the name it had; those that no network of ours has stay under their own."""
    found = {}
    for theirs, tensor in tensors.items():
        if UNUSED.fullmatch(theirs) or not tensor.numel():  # no registers are none of 0 rows
            continue
        if theirs == "register_tokens":
            for part, rows in zip("av", tensor.chunk(2), strict=True):
                found[ours(f"registers_{part}")] = (theirs, rows[None])
        else:
            found[ours(theirs)] = (theirs, as_matrix(tensor) if theirs.endswith("proj.weight") else tensor)
    return found


def ours(theirs: str) -> str:
    """Our name of a tensor, or theirs if we have none."""
    return _translated(theirs, NAMES.items(), MODALITY)


def theirs(ours: str) -> str:
    """The name that a tensor of ours has in their file."""
    back = ((here, there) for there, here in NAMES.items())
    return _translated(ours, back, {word: letter for letter, word in MODALITY.items()})


def _translated(name: str, patterns: Iterable[tuple[str, str]], modality: dict[str, str]) -> str:
    parts = PARTS | {"m": "|".join(modality)}
    for pattern, other in patterns:
        expression = re.sub(r"\\{(\w+)\\}", lambda part: f"(?P<{part[1]}>{parts[part[1]]})", re.escape(pattern))
        match = re.fullmatch(expression, name)
        if match:
            return other.format(**{part: modality.get(said, said) for part, said in match.groupdict().items()})
    return name


def as_matrix(kernel: Tensor) -> Tensor:
    """A convolution's (D, C, 16, 16) as a matrix over flat patches, planes last; others stay as they are."""
    return kernel.permute(0, 2, 3, 1).flatten(1) if kernel.ndim == 4 else kernel


def _depth(tensors: dict[str, Tensor], part: str) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith(f"{part}.")})
