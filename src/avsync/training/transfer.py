"""Beginning with what another training learned, and keeping parts of it as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from avsync.models.cav_mae import CavMae
from avsync.models.checkpoints import CheckpointError, load, read
from avsync.models.mae_init import initialise_from_mae
from avsync.models.vit import Positions

SHOWN = 3
"""Tensors that an error names."""


def initialise(net: nn.Module, checkpoint: str) -> None:
    """Give ``net`` the weights of a checkpoint's network, all of them.

    Positions on a grid of another size, of longer windows of sound or larger pictures, are interpolated as for encoding
    such.

    Raises:
        CheckpointError: It is not one of avsync's, or the tensors of the two are not the same by name and shape.
    """
    source, ours = load(checkpoint)[0], dict(net.named_modules())
    given, wanted = source.state_dict(), net.state_dict()
    for name, part in source.named_modules():
        place = ours.get(name)
        if isinstance(part, Positions) and isinstance(place, Positions):
            given[f"{name}.table"] = part(place.grid).detach()
    wrong = [f"{name} is missing" for name in wanted if name not in given]
    wrong += [f"{name} is not wanted" for name in given if name not in wanted]
    wrong += [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise CheckpointError(
            f"{checkpoint} does not fit this network in {len(wrong)} of {len(wanted)} tensors: "
            f"{'; '.join(wrong[:SHOWN])}{more}; give model.init_from a checkpoint of the same model= and sizes"
        )
    net.load_state_dict(given)


def begin(net: nn.Module, file: str) -> None:
    """Give ``net`` the weights of a checkpoint's network; a CAV-MAE also what fits of an ImageNet masked autoencoder's.

    Raises:
        CheckpointError: The file is neither, or does not fit.
    """
    if isinstance(net, CavMae) and "avsync" not in read(Path(file)):
        initialise_from_mae(net, file)
    else:
        initialise(net, file)


def parts(net: nn.Module, names: Iterable[str]) -> list[nn.Module]:
    """Parts of a network by name, such as ``video_tower`` or ``audio_tower.head``.

    Raises:
        CheckpointError: There is no such part.
    """
    known = dict(net.named_modules())
    for name in names:
        if name not in known or not name:
            choices = ", ".join(name for name, part in net.named_children() if any(True for _ in part.parameters()))
            raise CheckpointError(f"model.freeze names {name!r}, which the network has not; give some of {choices}")
    return [known[name] for name in names]
