"""Beginning with what a masked autoencoder learned from ImageNet's pictures, as CAV-MAE does.

He et al., "Masked autoencoders are scalable vision learners", CVPR 2022: ``mae_pretrain_vit_base.pth`` and its like,
with or without a decoder. Both modalities' blocks get its first ones, the joint blocks those that follow, each set of
norms the same; sound's patches get the mean over the planes of the pictures' and positions interpolated to its grid;
of a picture's change nothing is known, so it counts for nothing at first.
"""

from __future__ import annotations

from pathlib import Path

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from avsync.models.cav_mae import CavMae
from avsync.models.checkpoints import CheckpointError, read
from avsync.models.released_cav_mae import as_matrix
from avsync.models.vit import PATCH, Block, Positions


def initialise_from_mae(net: CavMae, file: str | Path) -> None:
    """Give ``net`` an autoencoder's weights, all that it has a place for; tokens of our own stay as they began.

    Args:
        net: Of the same width, and no deeper.
        file: As downloaded.

    Raises:
        CheckpointError: There is no such file, or it is of another kind or size.
    """
    content = read(Path(file))
    given = content.get("model", content) if isinstance(content, dict) else {}
    try:
        with torch.no_grad():
            _encoders(net, given)
            if "decoder_embed.weight" in given:
                _decoder(net, given)
    except KeyError as error:
        raise CheckpointError(f"{file} lacks {error.args[0]}; give a masked autoencoder's weights that deep") from error
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:120]
        raise CheckpointError(
            f"{file} does not fit this network ({reason}); give one of the same model/size"
        ) from error


def _encoders(net: CavMae, given: dict[str, Tensor]) -> None:
    kernel, depth = given["patch_embed.proj.weight"], len(net.audio_encoder.blocks)
    unknown = kernel.new_zeros(len(kernel), int(net.video_features.planes) - 3, *kernel.shape[2:])  # type: ignore[arg-type]
    seen = torch.cat([kernel, unknown], dim=1)
    for encoder, weight in ((net.video_encoder, seen), (net.audio_encoder, kernel.mean(dim=1, keepdim=True))):
        if not isinstance(encoder.embed, nn.Linear):
            raise CheckpointError(
                "a masked autoencoder's weights embed patches by a matrix, this network by convolutions; give "
                "model/size=base, or model.net.size.stem=[]"
            )
        encoder.embed.weight.copy_(as_matrix(weight))
        encoder.embed.bias.copy_(given["patch_embed.proj.bias"])
        _place(encoder.positions, given["pos_embed"])
        for number, block in enumerate(encoder.blocks):
            _fill(block, given, f"blocks.{number}")
    for number, block in enumerate(net.joint.blocks):
        _fill(block, given, f"blocks.{depth + number}")
    for norm in net.joint.norms.values():
        _copy(norm, given, "norm")


def _decoder(net: CavMae, given: dict[str, Tensor]) -> None:
    decoder = net.decoder
    _copy(decoder.embed, given, "decoder_embed")
    _copy(decoder.norm, given, "decoder_norm")
    _copy(decoder.video_pixels, given, "decoder_pred")
    decoder.audio_pixels.weight.copy_(given["decoder_pred.weight"].unflatten(0, (PATCH**2, 3)).mean(dim=1))
    decoder.audio_pixels.bias.copy_(given["decoder_pred.bias"].unflatten(0, (PATCH**2, 3)).mean(dim=1))
    decoder.hidden.copy_(given["mask_token"])
    for positions in (decoder.audio_positions, decoder.video_positions):
        _place(positions, given["decoder_pos_embed"])
    for number, block in enumerate(decoder.blocks):
        _fill(block, given, f"decoder_blocks.{number}")


def _fill(block: nn.Module, given: dict[str, Tensor], name: str) -> None:
    """One of our blocks from one of theirs."""
    assert isinstance(block, Block)
    for ours, theirs in ((block.norm1, "norm1"), (block.norm2, "norm2")):
        for norm in ours.values():
            _copy(norm, given, f"{name}.{theirs}")
    _copy(block.attention.qkv, given, f"{name}.attn.qkv")
    _copy(block.attention.proj, given, f"{name}.attn.proj")
    _copy(block.mlp.fc1, given, f"{name}.mlp.fc1")
    _copy(block.mlp.fc2, given, f"{name}.mlp.fc2")


def _copy(module: nn.Module, given: dict[str, Tensor], name: str) -> None:
    module.weight.copy_(given[f"{name}.weight"])  # type: ignore[operator]
    module.bias.copy_(given[f"{name}.bias"])  # type: ignore[operator]


def _place(positions: Positions, table: Tensor) -> None:
    """Positions of a square grid of patches, after that of their class token, interpolated to ours."""
    side = round((table.shape[1] - 1) ** 0.5)
    resized = resample_abs_pos_embed(table[:, 1:], list(positions.grid), [side, side], num_prefix_tokens=0)
    positions.table.copy_(resized)
