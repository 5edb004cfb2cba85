"""Weights of CAV-MAE and CAV-MAE Sync as their authors released them, under our names.

Everything that configures such a network is read from its tensors: depths and widths, the length of the window of
sound, the size of the pictures, registers and the global token. The released blocks hold three sets of norms each; all
but the joint block's two others have never been used and are left behind.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

PATCH = 16
"""Pixels of a side of a patch; also steps and bands of a spectrogram's."""

HEAD, DECODER_HEAD = 64, 32
"""Width of an attention head in the encoder and the decoder; no tensor tells it."""

ROWS = 128 // PATCH
"""Rows of patches of a spectrogram of 128 bands."""

MODALITY = {"a": "audio", "v": "video"}

NAMES = {
    r"patch_embed_([av])\.proj\.(\w+)": r"{m}_encoder.embed.\2",
    r"pos_embed_([av])": "{m}_encoder.positions.table",
    r"modality_([av])": "{m}_encoder.modality",
    r"cls_token_([av])": "{m}_encoder.global_token",
    r"registers_([av])": "{m}_encoder.registers",
    r"blocks_([av])\.(\d+)\.norm([12])\.(\w+)": r"{m}_encoder.blocks.\2.norm\3.own.\4",
    r"blocks_([av])\.(\d+)\.attn\.(.+)": r"{m}_encoder.blocks.\2.attention.\3",
    r"blocks_([av])\.(\d+)\.mlp\.(.+)": r"{m}_encoder.blocks.\2.mlp.\3",
    r"blocks_u\.(\d+)\.norm([12])\.(\w+)": r"joint.blocks.\1.norm\2.joint.\3",
    r"blocks_u\.(\d+)\.norm([12])_([av])\.(\w+)": r"joint.blocks.\1.norm\2.{m}.\4",
    r"blocks_u\.(\d+)\.attn\.(.+)": r"joint.blocks.\1.attention.\2",
    r"blocks_u\.(\d+)\.mlp\.(.+)": r"joint.blocks.\1.mlp.\2",
    r"norm_([av])\.(\w+)": r"joint.norms.{m}.\2",
    r"norm\.(\w+)": r"joint.norms.joint.\1",
    r"decoder_embed\.(\w+)": r"decoder.embed.\1",
    r"mask_token": "decoder.hidden",
    r"decoder_modality_([av])": "decoder.{m}_modality",
    r"decoder_pos_embed_([av])": "decoder.{m}_positions.table",
    r"decoder_blocks\.(\d+)\.norm([12])\.(\w+)": r"decoder.blocks.\1.norm\2.own.\3",
    r"decoder_blocks\.(\d+)\.attn\.(.+)": r"decoder.blocks.\1.attention.\2",
    r"decoder_blocks\.(\d+)\.mlp\.(.+)": r"decoder.blocks.\1.mlp.\2",
    r"decoder_norm\.(\w+)": r"decoder.norm.\1",
    r"decoder_pred_([av])\.(\w+)": r"decoder.{m}_pixels.\2",
}
"""Their names, and ours: {m} is the modality."""

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
        "audio_features": {"_target_": "avsync.features.fbank.Fbank", "mels": PATCH * ROWS},
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
    for pattern, name in NAMES.items():
        match = re.fullmatch(pattern, theirs)
        if match:
            modality = next((MODALITY[part] for part in match.groups() if part in MODALITY), "")
            return match.expand(name).replace("{m}", modality)
    return theirs


def as_matrix(kernel: Tensor) -> Tensor:
    """A convolution's (D, C, 16, 16) as a matrix over flat patches, planes last; others stay as they are."""
    return kernel.permute(0, 2, 3, 1).flatten(1) if kernel.ndim == 4 else kernel


def _depth(tensors: dict[str, Tensor], part: str) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith(f"{part}.")})
