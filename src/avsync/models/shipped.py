"""Checkpoints for people: by name, by path or from a hub, with their model card; and how one is made.

A folder holds a checkpoint that is handed on, in the package and on a hub alike:

    model.safetensors    weights; in its metadata the network's config and its calibration
    README.md            the model card: what it was trained on, how good it is, whom to credit
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsync import models
from avsync.errors import AvsyncError
from avsync.models import checkpoints
from avsync.models.checkpoints import CheckpointError
from avsync.models.syncnet import SyncNet

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

DEFAULT = "syncnet"
"""What measures where nothing was trained."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint, ready to measure.

    Attributes:
        net: In evaluation mode, on the CPU.
        calibration: What an evaluation found out about it, empty if none did.
        name: A name that ships, a path, or ``owner/repo`` with its revision.
        card: The model card in Markdown, empty if there is none.
    """

    net: SyncNet | CavMae
    calibration: dict[str, Any]
    name: str
    card: str


@dataclass(frozen=True)
class Measurer(Loaded):
    """A checkpoint whose network measures offsets."""

    net: SyncNet


def load_measurer(name: str | Path) -> Measurer:
    """The same as :func:`load` for what measures offsets.

    Raises:
        CheckpointError: As there, or the network is of another kind.
    """
    loaded = load(name)
    net = checkpoints.require_syncnet(loaded.net, loaded.name)
    return Measurer(net=net, calibration=loaded.calibration, name=loaded.name, card=loaded.card)


def load(name: str | Path, revision: str | None = None) -> Loaded:
    """Find a checkpoint and build its network.

    Args:
        name: One of ``avsync.models()``; the path of a ``.ckpt``, a ``.safetensors`` or a folder as above; or
            ``hub:owner/repo`` or ``owner/repo@revision``, which is fetched once and then kept.
        revision: Branch, tag or commit on the hub; with it, ``owner/repo`` alone is a hub's too.

    Raises:
        CheckpointError: There is nothing of that name, it cannot be fetched, or it is not avsync's.
    """
    path = find(name, revision)
    card = path.parent / models.CARD
    text = card.read_text(encoding="utf-8") if path.name == models.WEIGHTS and card.is_file() else ""
    return Loaded(*checkpoints.load(path), f"{name}@{revision}" if revision else str(name), text)


def default_checkpoint(runs: Path = Path("runs")) -> str:
    """The newest run's checkpoint, or the name of the one that ships where there are no runs.

    Raises:
        AvsyncError: There is neither.
    """
    try:
        return str(newest_checkpoint(runs))
    except AvsyncError:
        if DEFAULT in models.names():
            return DEFAULT
        raise


def newest_checkpoint(runs: Path = Path("runs")) -> Path:
    """``best.ckpt`` of the SyncNet run that wrote one last: what measures offsets.

    Raises:
        AvsyncError: There is none.
    """
    found = [path for path in runs.rglob("best.ckpt") if path.parent.name == "checkpoints" and _is_syncnet(path)]
    if not found:
        raise AvsyncError(
            f"no checkpoint in {runs.resolve()}; train one with `make train` or name one with --checkpoint"
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def _is_syncnet(checkpoint: Path) -> bool:
    """Told by the run's config, since reading checkpoints takes long; one without a config may be one."""
    config = checkpoint.parent.parent / "config.yaml"
    return not config.is_file() or "avsync.models.syncnet.SyncNet" in config.read_text(encoding="utf-8")


def find(name: str | Path, revision: str | None = None) -> Path:
    """The file of weights that :func:`load` would read.

    Raises:
        CheckpointError: As there.
    """
    said = str(name)
    if revision is None and said in models.names():
        return models.PRETRAINED / said / models.WEIGHTS
    if revision is None and Path(said).exists():
        return Path(said) / models.WEIGHTS if Path(said).is_dir() else Path(said)
    hub = re.fullmatch(r"(hub:)?([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", said)
    if hub and (hub[1] or hub[3] or revision):
        return _fetch(hub[2], revision or hub[3]) / models.WEIGHTS
    ships = ", ".join(models.names()) or "none in this version"
    raise CheckpointError(
        f"{said} is not a file and not a name that ships ({ships}); give a checkpoint such as "
        "runs/NAME/checkpoints/best.ckpt, or hub:OWNER/REPO"
    )


def _fetch(repository: str, revision: str | None) -> Path:
    """The folder of a hub's repository, out of the cache if it is there: the one place that asks the network."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[models.WEIGHTS, models.CARD]))
    except Exception as error:  # a dozen kinds: no such repository or revision, no network, a page instead of an answer
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{repository} at {revision or 'its newest revision'} cannot be fetched ({reason}); give another name"
        ) from error


def export(
    source: str | Path, folder: Path, card: str | None = None, half: bool = False, others: Sequence[str | Path] = ()
) -> Path:
    """Write the folder that is handed to people; it is whole or not there.

    Args:
        source: What :func:`load` takes.
        folder: A new one.
        card: The model card; None for what can be told without its author.
        half: Store weights as float16, half the bytes; they are read as float32.
        others: More of them; the weights are the mean of all, with the config of ``source`` and without a calibration.
            Of trainings one of which went on from the other, or that began alike, the mean errs less on strangers than
            either (Wortsman et al., "Model soups", ICML 2022).

    Returns:
        The folder.

    Raises:
        CheckpointError: There is no checkpoint, the networks differ in their tensors, or the folder exists or cannot
            be made.
    """
    path = find(source)
    net, calibration = checkpoints.load(path)
    if folder.exists():
        raise CheckpointError(f"{folder} exists; give a new folder")
    content = checkpoints.read(path)
    if others:
        content["state_dict"], calibration = _mean(content["state_dict"], others), {}
        content["avsync"] = {name: value for name, value in content["avsync"].items() if name != "calibration"}
    if half:
        content["state_dict"] = {
            name: value.half() if value.is_floating_point() else value for name, value in content["state_dict"].items()
        }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
            made = Path(temporary) / folder.name
            made.mkdir()
            (made / models.CARD).write_text(card or _card(folder.name, net, calibration, path), encoding="utf-8")
            checkpoints.save(content, made / models.WEIGHTS)
            made.rename(folder)
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written ({error.strerror}); give another") from error
    return folder


def _mean(weights: dict[str, Any], others: Sequence[str | Path]) -> dict[str, Any]:
    """The mean of a network's weights and those of others like it; counters stay those of the first."""
    summed = {name: value for name, value in weights.items() if name.startswith("net.")}
    for other in others:
        more = checkpoints.read(find(other)).get("state_dict", {})
        wrong = [name for name, value in summed.items() if name not in more or more[name].shape != value.shape]
        if wrong:
            raise CheckpointError(
                f"{other} is another network: {len(wrong)} of {len(summed)} tensors differ, such as {wrong[0]}; "
                "give checkpoints of the same model= and sizes"
            )
        summed = {n: v + more[n] if v.is_floating_point() else v for n, v in summed.items()}
    return {n: v / (1 + len(others)) if v.is_floating_point() else v for n, v in summed.items()}


def _card(name: str, net: SyncNet | CavMae, calibration: dict[str, Any], path: Path) -> str:
    """What a checkpoint and its run tell of themselves."""
    if isinstance(net, SyncNet):
        what = "A two-tower network for audio-visual synchronization"
        sees = f"Face crops of {net.face_size} x {net.face_size} pixels at 25 frames a second"
    else:
        what = "A masked autoencoder with contrast for sound and picture of scenes"
        sees = "Pictures of {} x {} pixels".format(*(16 * side for side in net.video_grid))
    lines = [
        f"# {name}",
        "",
        f"{what}, made with avsync.",
        "",
        f"- {sum(parameter.numel() for parameter in net.parameters()) / 1e6:.1f} M parameters",
        f"- {sees}, sound at 16 kHz",
        f"- {'Calibrated' if 'chance' in calibration else 'Not calibrated'}",
        "",
        "```python",
        "import avsync",
        "",
        'loaded = avsync.load("PATH OF THIS FOLDER")',
        "```",
    ]
    numbers = path.parent.parent / "metrics.json"
    if numbers.is_file():
        measured = {key: value for key, value in json.loads(numbers.read_text()).items() if "/runs" not in key}
        lines += ["", "| measured | |", "|---|--:|", *(f"| {key} | {value:.3f} |" for key, value in measured.items())]
    return "\n".join(lines) + "\n"
