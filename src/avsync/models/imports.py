"""Weights that others released, as checkpoints of avsync: ``avsync import syncnet_v2.model OUT.ckpt``.

Known are the released SyncNet and CAV-MAE's, both variants and whatever sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsync.models import released_cav_mae
from avsync.models.checkpoints import FORMAT, CheckpointError, build, read, save


@dataclass(frozen=True)
class Released:
    """Weights somebody released.

    Attributes:
        name: What people call it, also the name of our config.
        parts: Beginnings of tensors' names in that file, and what they are here.
        net: Config of the network.
    """

    name: str
    parts: dict[str, str]
    net: dict[str, Any]

    def fits(self, names: Any) -> bool:
        """Whether a file with tensors of these names is this one, or was meant to be."""
        return all(any(name.startswith(part) for name in names) for part in self.parts)

    def renamed(self, tensors: dict[str, Tensor]) -> dict[str, tuple[str, Tensor]]:
        """Tensors under our names, each with the name it had; those of other beginnings stay under their own."""
        found = {}
        for theirs, tensor in tensors.items():
            part = next((part for part in self.parts if theirs.startswith(part)), "")
            found[self.parts.get(part, "") + theirs.removeprefix(part)] = (theirs, tensor)
        return found

    def theirs(self, ours: str) -> str:
        """The name that a tensor of ours has in that file."""
        part = next((part for part, here in self.parts.items() if ours.startswith(here)), "")
        return part + ours.removeprefix(self.parts.get(part, ""))


SYNCNET_V2 = Released(
    name="syncnet_v2",
    parts={
        "netcnnaud.": "audio_tower.layers.",
        "netfcaud.": "audio_tower.head.",
        "netcnnlip.": "video_tower.layers.",
        "netfclip.": "video_tower.head.",
    },
    net={
        "_target_": "avsync.models.syncnet.SyncNet",
        "video_features": {"_target_": "avsync.features.colour.ColourFrames", "face_size": 224},
        "audio_features": {"_target_": "avsync.features.mfcc.Mfcc"},
        "video_tower": {
            "_target_": "avsync.models.syncnet_vgg.VideoTower",
            "widths": [96, 256, 256, 256, 256],
            "full": [512, 512],
            "embedding": 1024,
        },
        "audio_tower": {
            "_target_": "avsync.models.syncnet_vgg.AudioTower",
            "widths": [64, 192, 384, 256, 256],
            "full": [512, 512],
            "embedding": 1024,
        },
        "unit": False,
    },
)
"""SyncNet's released weights, from https://www.robots.ox.ac.uk/~vgg/software/lipsync."""

KNOWN = ("syncnet_v2", "cav_mae", "cav_mae_sync")


def import_weights(source: Path, target: Path) -> str:
    """Write released weights as a checkpoint that measuring and evaluation take.

    Args:
        source: The file as it was downloaded; which network it is, its tensors' names tell.
        target: Where the checkpoint goes.

    Returns:
        The name of the network.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it holds other tensors than any known network.
    """
    tensors = released_tensors(source)
    name, net, found = _recognised(source, tensors)
    state = _fitted(source, name, net, found)
    try:
        save({"avsync": {"format": FORMAT, "net": net}, "state_dict": state}, target)
    except OSError as error:
        raise CheckpointError(f"{target} cannot be written ({error.strerror}); give another path") from error
    return name


def released_tensors(source: Path) -> dict[str, Tensor]:
    """Tensors by name as a file holds them, without the ``module.`` that parallel training puts before names.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it holds something else.
    """
    if not source.is_file():
        raise CheckpointError(f"{source} is not a file; download the weights first and give their path")
    tensors = read(source)
    if not (isinstance(tensors, dict) and all(type(k) is str and isinstance(v, Tensor) for k, v in tensors.items())):
        raise CheckpointError(f"{source} holds something else than tensors by name; give the weights as released")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _recognised(source: Path, tensors: dict[str, Tensor]) -> tuple[str, dict[str, Any], dict[str, tuple[str, Tensor]]]:
    """Whose weights these are, our config of it, and the tensors by our names, with their own."""
    if SYNCNET_V2.fits(tensors):
        return SYNCNET_V2.name, SYNCNET_V2.net, SYNCNET_V2.renamed(tensors)
    if released_cav_mae.fits(tensors):
        try:
            net = released_cav_mae.config(tensors)
        except KeyError as error:
            raise CheckpointError(f"{source} lacks {error.args[0]} of cav_mae; give it as pre-trained") from error
        return "cav_mae_sync" if net["global_token"] else "cav_mae", net, released_cav_mae.renamed(tensors)
    raise CheckpointError(
        f"{source} holds weights of none of the networks known ({', '.join(KNOWN)}); give one of theirs"
    )


def _fitted(source: Path, name: str, net: dict[str, Any], found: dict[str, tuple[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors as a checkpoint holds them, every one used and none missing."""
    with torch.device("meta"):  # shapes are all that is needed
        wanted = build(net).state_dict()
    missing = next((key for key in wanted if key not in found), None)
    if missing:
        named = SYNCNET_V2.theirs if name == SYNCNET_V2.name else released_cav_mae.theirs
        raise CheckpointError(f"{source} lacks {named(missing)} of {name}; download it again")
    for key, here in wanted.items():
        theirs, tensor = found[key]
        if tensor.shape != here.shape:
            given, expected = tuple(tensor.shape), tuple(here.shape)
            raise CheckpointError(f"{source}: {theirs} is {given}, {name} has {expected}; give its weights")
    more = [theirs for key, (theirs, _) in found.items() if key not in wanted]
    if more:
        raise CheckpointError(f"{source} holds {len(more)} tensors that {name} lacks: {min(more)}, ...")
    return {f"net.{key}": found[key][1].contiguous() for key in wanted}
