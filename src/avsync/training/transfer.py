"""Beginning with what another training learned, and keeping parts of it as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import nn

from avsync.models.cav_mae import CavMae
from avsync.models.checkpoints import CheckpointError, load, read
from avsync.models.mae_init import initialise_from_mae
from avsync.models.shipped import find
from avsync.models.vit import Positions

SHOWN = 3
"""Tensors that an error names."""


def initialise(net: nn.Module, checkpoint: Path, names: Sequence[str] = ()) -> None:
    """Give ``net`` the weights of a checkpoint's network.

    Positions on a grid of another size, of longer windows of sound or larger pictures, are interpolated as for encoding
    such.

    Args:
        net: Any of :mod:`avsync.models`.
        checkpoint: Of a network of the same kind.
        names: Parts that are taken over, such as ``audio_tower``; the rest of ``net`` stays as it began. None for all.

    Raises:
        CheckpointError: It is not one of avsync's, or the tensors of the two are not the same by name and shape.
    """
    parts(net, names, "model.init_parts")
    taken = tuple(f"{name}." for name in names) or ""
    source, ours = load(checkpoint)[0], dict(net.named_modules())
    given, wanted = (
        {name: tensor for name, tensor in one.state_dict().items() if name.startswith(taken)} for one in (source, net)
    )
    for name, part in source.named_modules():
        place = ours.get(name)
        if isinstance(part, Positions) and isinstance(place, Positions) and f"{name}.table" in given:
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
    net.load_state_dict(net.state_dict() | given)


def begin(net: nn.Module, name: str, names: Sequence[str] = ()) -> None:
    """Give ``net`` the weights of a checkpoint's network; a CAV-MAE also what fits of an ImageNet masked autoencoder's.

    Args:
        net: Any of :mod:`avsync.models`.
        name: What :func:`avsync.load` takes: a name that ships, a file, a folder, ``hub:owner/repo``; or a file of an
            autoencoder's weights.
        names: Parts that are taken over, none for all; of an autoencoder all that fits is.

    Raises:
        CheckpointError: There is nothing of that name, it is neither, or it does not fit.
    """
    file = find(name)
    if isinstance(net, CavMae) and "avsync" not in read(file):
        initialise_from_mae(net, file)
    else:
        initialise(net, file, names)


def parts(net: nn.Module, names: Iterable[str], setting: str = "model.freeze") -> list[nn.Module]:
    """Parts of a network by name, such as ``video_tower`` or ``audio_tower.head``; ``setting`` is where they are named.

    Raises:
        CheckpointError: There is no such part.
    """
    known = dict(net.named_modules())
    for name in names:
        if name not in known or not name:
            choices = ", ".join(name for name, part in net.named_children() if any(True for _ in part.parameters()))
            raise CheckpointError(f"{setting} names {name!r}, which the network has not; give some of {choices}")
    return [known[name] for name in names]
