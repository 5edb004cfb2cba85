"""Checkpoints: written whole or not at all, read without running anything that came with them.

A checkpoint holds, beside what Lightning needs to go on, ``avsync``: the network's config as a plain dict and what
an evaluation found out about it (:func:`calibrate`). Measuring needs only that and the weights, which is all that a
``.safetensors`` holds.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from avsync.errors import AvsyncError
from avsync.media.atomic import whole_file
from avsync.models.syncnet import SyncNet

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

FORMAT = 1
SAFE = ".safetensors"
ALLOWED = ("avsync.models.", "avsync.features.")
"""Where the classes of a config that came with weights may come from."""


class CheckpointError(AvsyncError):
    """A checkpoint is missing, damaged or not one of avsync's."""


def save(checkpoint: dict[str, Any], path: Path) -> None:
    """Write ``checkpoint`` to ``path``: a reader sees the old file or the new one, never a part.

    A ``.safetensors`` gets the network's weights, with ``avsync`` as its metadata.

    Raises:
        AvsyncError: It cannot be written: no room, or a folder that may not be written to. What was there stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            if path.suffix == SAFE:
                partial.write_bytes(_safe_bytes(checkpoint))
            else:
                torch.save(checkpoint, partial)
    except (OSError, RuntimeError) as error:  # torch raises the second kind where there is no room
        reason = str(error).splitlines()[0][:120]
        raise CheckpointError(f"{path} cannot be written ({reason}); make room there or give another folder") from error


def read(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """A checkpoint's content, without unpickling anything but tensors and plain values.

    Raises:
        CheckpointError: There is none at ``path`` or it cannot be read.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; give a checkpoint such as runs/NAME/checkpoints/best.ckpt")
    try:
        if path.suffix == SAFE:
            return _read_safe(path, map_location)
        return torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        reason = str(error).splitlines()[0][:120]
        raise CheckpointError(f"{path} is not a readable checkpoint ({reason}); train again or give another") from error


def _safe_bytes(checkpoint: dict[str, Any]) -> bytes:
    weights = {
        name: value.detach().cpu().contiguous()
        for name, value in checkpoint["state_dict"].items()
        if name.startswith("net.")
    }
    return safetensors.torch.save(weights, {"avsync": json.dumps(checkpoint["avsync"])})


def _read_safe(path: Path, map_location: Any) -> dict[str, Any]:
    """The same content as of a ``.ckpt``; numbers stored as half as long come as float32."""
    with safetensors.safe_open(path, framework="pt") as file:
        own = json.loads((file.metadata() or {}).get("avsync", "null"))
        stored = {name: file.get_tensor(name).to(map_location) for name in file.keys()}
    weights = {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
    return {"avsync": own, "state_dict": weights}


def load(path: str | Path, device: str | torch.device = "cpu") -> tuple[SyncNet | CavMae, dict[str, Any]]:
    """The network of a checkpoint, of whatever kind, ready to use, and its calibration.

    Args:
        path: A file that training or ``avsync export`` wrote; :func:`avsync.load` also takes names.
        device: Where the network goes.

    Returns:
        The network in evaluation mode, and a dict, empty when the run was never evaluated.

    Raises:
        CheckpointError: It is not an avsync checkpoint of this format.
    """
    content = read(Path(path))
    own = content.get("avsync") if isinstance(content, dict) else None
    if not own or own.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not an avsync checkpoint of format {FORMAT}; give one that train.py wrote")
    try:
        net = build(own["net"])
        weights = {name[4:]: value for name, value in content["state_dict"].items() if name.startswith("net.")}
        net.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError, ImportError) as error:
        reason = str(error).splitlines()[0][:120]
        raise CheckpointError(f"{path}: weights and config do not make a network ({reason}); give another") from error
    return net.to(device).eval(), own.get("calibration", {})


def load_syncnet(path: str | Path, device: str | torch.device = "cpu") -> tuple[SyncNet, dict[str, Any]]:
    """The same as :func:`load` for what measures offsets.

    Raises:
        CheckpointError: As there, or the network is of another kind.
    """
    net, calibration = load(path, device)
    return require_syncnet(net, path), calibration


def require_syncnet(net: nn.Module, name: str | Path) -> SyncNet:
    """``net``, if it can measure offsets.

    Raises:
        CheckpointError: It is of another kind.
    """
    if not isinstance(net, SyncNet):
        raise CheckpointError(
            f"{name} holds a {type(net).__name__}, which matches scenes; an offset is measured with a SyncNet, "
            "such as a run of model=syncnet"
        )
    return net


def fingerprint(net: nn.Module) -> str:
    """Twelve hexadecimal digits that tell networks apart by their weights, whatever file those came in.

    How a SyncNet compares counts too: with ``centre`` the same weights give other distances.
    """
    digest = hashlib.sha256(net.extra_repr().encode())
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def calibrate(path: Path, calibration: dict[str, Any]) -> None:
    """Store what an evaluation found out beside the weights, in place."""
    content = read(path)
    content["avsync"]["calibration"] = calibration
    save(content, path)


def build(config: Any) -> Any:
    """Objects from a plain config with ``_target_``, of avsync's own networks and features only.

    Hydra's ``instantiate`` would call whatever a downloaded file names.

    Raises:
        CheckpointError: A target from elsewhere.
    """
    if isinstance(config, dict) and "_target_" in config:
        arguments = {name: build(value) for name, value in config.items() if name != "_target_"}
        return _find(config["_target_"])(**arguments)
    if isinstance(config, dict):
        return {name: build(value) for name, value in config.items()}
    if isinstance(config, list):
        return [build(value) for value in config]
    return config


def _find(target: str) -> Callable[..., Any]:
    module, _, name = target.rpartition(".")
    if not target.startswith(ALLOWED) or name.startswith("_"):
        raise CheckpointError(f"the checkpoint asks for {target}; only classes of {' and '.join(ALLOWED)} are built")
    found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module) and found.__module__ == module):
        raise CheckpointError(f"the checkpoint asks for {target}, which this version of avsync does not have")
    return found
