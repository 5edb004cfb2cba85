"""Weights that others released, as checkpoints of avsync: ``avsync import syncnet_v2.model OUT.ckpt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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

KNOWN = (SYNCNET_V2,)


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
    if not source.is_file():
        raise CheckpointError(f"{source} is not a file; download the weights first and give their path")
    tensors = read(source)
    if not (isinstance(tensors, dict) and all(type(k) is str and isinstance(v, Tensor) for k, v in tensors.items())):
        raise CheckpointError(f"{source} holds something else than tensors by name; give the weights as released")
    released = next((known for known in KNOWN if known.fits(tensors)), None)
    if released is None:
        names = ", ".join(known.name for known in KNOWN)
        raise CheckpointError(f"{source} holds weights of none of the networks known ({names}); give one of theirs")
    state = _renamed(source, tensors, released)
    try:
        save({"avsync": {"format": FORMAT, "net": released.net}, "state_dict": state}, target)
    except OSError as error:
        raise CheckpointError(f"{target} cannot be written ({error.strerror}); give another path") from error
    return released.name


def _renamed(source: Path, tensors: dict[str, Tensor], released: Released) -> dict[str, Tensor]:
    """The tensors under our names, every one used and none missing."""
    with torch.device("meta"):  # shapes are all that is needed
        wanted = build(released.net).state_dict()
    back = {ours: theirs for theirs, ours in released.parts.items()}
    state = {}
    for name, here in wanted.items():
        part = next(ours for ours in back if name.startswith(ours))
        theirs = back[part] + name.removeprefix(part)
        if theirs not in tensors:
            raise CheckpointError(f"{source} lacks {theirs} of {released.name}; download it again")
        if tensors[theirs].shape != here.shape:
            found, expected = (tuple(tensor.shape) for tensor in (tensors[theirs], here))
            raise CheckpointError(f"{source}: {theirs} is {found}, {released.name} has {expected}; give its weights")
        state[f"net.{name}"] = tensors.pop(theirs)
    if tensors:
        raise CheckpointError(f"{source} holds {len(tensors)} tensors that {released.name} lacks: {min(tensors)}, ...")
    return state
