"""Samples a second that the loader of scenes gives, beside those that a training step takes.

    python benchmarks/scene_loading.py --workers 0 1 2 -- model=cav_mae_sync data.cache=null
    python benchmarks/scene_loading.py --workers 10 -- experiment=cav_mae_sync_vggsound data.train=A data.{val,test}=B

What follows ``--`` is given to the config as to train.py. The loader runs alone, for some batches after those that it
makes ahead; a step is transfer, augmentation, loss, gradients and optimizer of one batch that is there already, the
middle of some. While both run on the same cores, each is slower.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from avsync.training.trainer import fast_precision

ROOT = Path(__file__).resolve().parent.parent


def configured(overrides: list[str]) -> DictConfig:
    """What train.py would be given."""
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("train", [*overrides, "hydra.runtime.output_dir=runs"], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    return cfg


def loading(cfg: DictConfig, workers: int, batches: int) -> tuple[float, dict]:
    """Samples a second with so many processes, and a batch."""
    data = instantiate(cfg.data, workers=workers)
    data.prepare_data()
    stream = chain.from_iterable(repeat(data.train_dataloader()))  # epoch after epoch
    (first,) = deque(islice(stream, 2 * workers + 1), 1)  # what is held back or made ahead is there when time begins
    start = time.perf_counter()
    count = sum(len(batch["key"]) for batch in islice(stream, batches))
    return count / (time.perf_counter() - start), first


def training(cfg: DictConfig, batch: dict, steps: int) -> float:
    """Samples a second that steps take."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module, augment = instantiate(cfg.model, init_from=None).to(device), instantiate(cfg.data.augment)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = module.optimizer(trained)

    def step() -> None:
        here = {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}
        here = augment.to(device)(here) if augment else here
        with torch.autocast(device, torch.bfloat16, enabled=fast_precision(device) == "bf16-mixed"):
            loss = module.losses(here)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, cfg.trainer.gradient_clip_val)
        optimizer.step()

    return len(batch["key"]) / statistics.median(timed(step, device) for _ in range(steps + 1))


def timed(work: Callable[[], Any], device: str) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def table(options: argparse.Namespace) -> list[str]:
    """A row for each number of processes, and one for the step."""
    cfg = configured(options.overrides)
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [f"`python {' '.join(sys.argv)}` at commit {git.stdout.strip() or 'unknown'}", ""]
    lines += ["| | samples a second |", "|---|--:|"]
    for workers in options.workers:
        speed, batch = loading(cfg, workers, options.batches)
        lines.append(f"| loader, {workers} processes | {speed:.1f} |")
    return [*lines, f"| training step | {training(cfg, batch, options.steps):.1f} |"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="processes (default 0 1 2)")
    parser.add_argument("--batches", type=int, default=8, help="timed of each loader (default 8)")
    parser.add_argument("--steps", type=int, default=3, help="timed (default 3)")
    parser.add_argument("overrides", nargs="*", help="of the config, such as model=cav_mae_sync data.cache=null")
    print("\n".join(table(parser.parse_args())))


if __name__ == "__main__":
    main()
