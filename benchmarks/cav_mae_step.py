"""A training step of CAV-MAE Sync beside the straightforward way to do the same.

    python benchmarks/cav_mae_step.py --size base --batch 4 --out experiments/cav_mae_step.md

The straightforward way embeds every patch by a convolution and then drops those that are hidden, runs the joint block
three times, forms the matrix of attention and its softmax, and computes in float32. Weights, masks, sizes, batch,
losses and what comes out are the same (tests/test_benchmarks.py). Ours embeds visible patches only, runs the joint
block's matrices once for its three passes, picks the attention that is faster on the device, and computes in bfloat16
where the device can. Both clip gradients and step with the optimizer that training has, model/optimizer. They take
turns in one process; the middle of the steps' times counts, and CPU seconds are told beside, which other programs
disturb less.

Share of the peak: arithmetic of ours (torch's counter; twice the multiply-adds), over what the device does in a large
product of matrices of the same precision, measured in the same run.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from avsync.losses import info_nce, masked_mse
from avsync.models.cav_mae import CavMae, MaskedOutput
from avsync.models.cav_mae_parts import Encoder
from avsync.models.masking import Hidden
from avsync.models.vit import PATCH, Attention, Block
from avsync.training.trainer import fast_precision

ROOT = Path(__file__).resolve().parent.parent
MATRIX = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices that the peak is measured with."""


def straightforward(net: CavMae, windows: Tensor, pictures: Tensor, hidden: tuple[Hidden, Hidden]) -> MaskedOutput:
    """What ``net`` gives, done plainly."""
    first = int(net.has_global_token)
    audio = plain_encoder(net.audio_encoder, windows.transpose(1, 2)[:, None], hidden[0].visible)
    video = plain_encoder(net.video_encoder, pictures, hidden[1].visible)
    both = torch.cat([audio[:, first:], video[:, first:]], dim=1)
    out = {}
    for name, tokens in (("audio", audio), ("video", video), ("joint", both)):
        for block in net.joint.blocks:
            tokens = plain_block(block, tokens, name)
        out[name] = net.joint.norms[name](tokens)
    pred_a, pred_v = plain_decoder(net, out["joint"], hidden)
    mean_a, mean_v = (out[name][:, first:].mean(dim=1) for name in ("audio", "video"))
    token_a, token_v = (out["audio"][:, 0], out["video"][:, 0]) if first else (mean_a, mean_v)
    return MaskedOutput(token_a, token_v, mean_a, mean_v, pred_a, pred_v, hidden[0].mask, hidden[1].mask)


def plain_encoder(encoder: Encoder, planes: Tensor, visible: Tensor) -> Tensor:
    """Every patch embedded, some kept."""
    kernel = encoder.embed.weight.unflatten(1, (PATCH, PATCH, planes.shape[1])).permute(0, 3, 1, 2)
    tokens = F.conv2d(planes, kernel, encoder.embed.bias, stride=PATCH).flatten(2).transpose(1, 2)
    tokens = tokens + encoder.positions(encoder.positions.grid) + encoder.modality
    tokens = tokens.gather(1, visible[..., None].repeat(1, 1, tokens.shape[2]))
    count = tokens.shape[1]
    more = [
        part if part is None else part.repeat(len(tokens), 1, 1) for part in (encoder.global_token, encoder.registers)
    ]
    tokens = torch.cat([part for part in (more[0], tokens, more[1]) if part is not None], dim=1)
    for block in encoder.blocks:
        tokens = plain_block(block, tokens)
    return tokens[:, : count + (more[0] is not None)]


def plain_block(block: Block, tokens: Tensor, norms: str = "own") -> Tensor:
    """One sequence through one block."""
    tokens = tokens + plain_attention(block.attention, block.norm1[norms](tokens))
    return tokens + block.mlp(block.norm2[norms](tokens))


def plain_attention(attention: Attention, tokens: Tensor) -> Tensor:
    """With the whole matrix."""
    qkv = attention.qkv(tokens).unflatten(2, (3, attention.heads, -1)).permute(2, 0, 3, 1, 4)
    queries, keys, values = qkv.unbind(0)
    weights = (queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5).softmax(dim=-1)
    return attention.proj((weights @ values).transpose(1, 2).flatten(2))


def plain_decoder(net: CavMae, latent: Tensor, hidden: tuple[Hidden, Hidden]) -> tuple[Tensor, Tensor]:
    """Visible patches followed by the learned token, brought into order by sorting."""
    decoder, parts = net.decoder, []
    streams = decoder.embed(latent).split([each.visible.shape[1] for each in hidden], dim=1)
    places = (decoder.audio_positions, decoder.audio_modality), (decoder.video_positions, decoder.video_modality)
    for tokens, each, (positions, modality) in zip(streams, hidden, places, strict=True):
        missing = each.mask.shape[1] - tokens.shape[1]
        order = torch.cat([each.visible, each.mask.argsort(dim=1, descending=True, stable=True)[:, :missing]], dim=1)
        tokens = torch.cat([tokens, decoder.hidden.repeat(len(tokens), missing, 1)], dim=1)
        tokens = tokens.gather(1, order.argsort(dim=1)[..., None].repeat(1, 1, tokens.shape[2]))
        parts.append(tokens + positions(positions.grid) + modality)
    both = torch.cat(parts, dim=1)
    for block in decoder.blocks:
        both = plain_block(block, both)
    heard, seen = decoder.norm(both).split([part.shape[1] for part in parts], dim=1)
    return decoder.audio_pixels(heard), decoder.video_pixels(seen)


def loss_of(net: CavMae, out: MaskedOutput, windows: Tensor, pictures: Tensor) -> Tensor:
    """The papers': reconstruction of both, a little contrast."""
    heard = masked_mse(out.pred_a, net.patchify_audio(windows), out.mask_a)
    seen = masked_mse(out.pred_v, net.patchify_video(pictures), out.mask_v)
    return heard + seen + 0.01 * info_nce(out.token_a, out.token_v, 0.05, both_ways=False)


def build(size: str, model: str = "cav_mae_sync") -> CavMae:
    """The network of model/net and model/size."""
    torch.manual_seed(0)
    return instantiate(configured(f"+model/net={model}", f"+model/size={size}").model.net)


def stepping(net: CavMae) -> Callable[[], None]:
    """The optimizer's part of a step: gradients clipped as in configs/trainer, then that of configs/model."""
    cfg = configured("+model/optimizer=adamw", "+trainer=default")
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = instantiate(cfg.model.optimizer)(trained)

    def step() -> None:
        torch.nn.utils.clip_grad_norm_(trained, cfg.trainer.gradient_clip_val)
        optimizer.step()

    return step


def configured(*overrides: str) -> DictConfig:
    """Some of configs/."""
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        return compose(None, list(overrides))


def inputs(net: CavMae, batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Windows of sound and pictures, of noise."""
    (bands, columns), (height, width) = net.audio_grid, net.video_grid
    windows = torch.randn(batch, PATCH * columns, PATCH * bands, device=device)
    return windows, torch.randn(batch, 3, PATCH * height, PATCH * width, device=device)


def ways(net: CavMae, device: str, compiled: bool) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """A step of each way, but for the optimizer's: from a batch to its loss, gradients made."""
    half = fast_precision(device) == "bf16-mixed"
    forward: Any = torch.compile(net) if compiled else net

    def plain(windows: Tensor, pictures: Tensor) -> Tensor:
        draw = net.masking
        hidden = (
            draw.hide_audio(len(windows), net.audio_grid, windows.device),
            draw.hide_video(len(windows), net.video_grid, windows.device),
        )
        loss = loss_of(net, straightforward(net, windows, pictures, hidden), windows, pictures)
        loss.backward()
        return loss

    def ours(windows: Tensor, pictures: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            out = forward(windows, pictures)
        loss = loss_of(net, out, windows, pictures)
        loss.backward()
        return loss

    return {"ours": ours, "straightforward": plain}


def measure(size: str, batch: int, device: str, steps: int, compiled: bool = False) -> dict[str, dict[str, float]]:
    """Of both ways: seconds a step, CPU seconds a step, the optimizer's share in seconds; of ours, arithmetic."""
    net = build(size).to(device).train()
    windows, pictures = inputs(net, batch, device)
    chosen, optimize = ways(net, device, compiled), stepping(net)
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in chosen}
    for _ in range(steps + 1):
        for name, step in chosen.items():
            net.zero_grad()
            taken[name].append(timed(lambda step=step: step(windows, pictures), optimize, device))
    names = ("seconds", "cpu", "optimizer")
    told = {
        name: dict(zip(names, map(statistics.median, zip(*rows[1:], strict=True)), strict=True))  # the first warms up
        for name, rows in taken.items()
    }
    counter = FlopCounterMode(display=False)
    with counter:
        ways(net, device, False)["ours"](windows, pictures)
    told["ours"]["flops"] = float(counter.get_total_flops())
    return told


def timed(work: Callable[[], object], step: Callable[[], object], device: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds, and seconds of ``step`` alone."""
    start, spent = time.perf_counter(), time.process_time()
    work()
    wait(device)
    middle = time.perf_counter()
    step()
    wait(device)
    end = time.perf_counter()
    return end - start, time.process_time() - spent, end - middle


def wait(device: str) -> None:
    """Until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak(device: str, turns: int = 5) -> float:
    """Arithmetic a second of a large product of matrices, the best of some."""
    kind = torch.bfloat16 if fast_precision(device) == "bf16-mixed" else torch.float32
    a, b = (torch.randn(MATRIX[device], MATRIX[device], device=device, dtype=kind) for _ in range(2))
    best = min(timed(lambda: a @ b, lambda: None, device)[0] for _ in range(turns))
    return 2 * MATRIX[device] ** 3 / best


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="base", help="of configs/model/size (default base)")
    parser.add_argument("--batch", type=int, default=4, help="default 4; a GPU wants 64 and more")
    parser.add_argument("--steps", type=int, default=3, help="timed of each way (default 3)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="ours by torch.compile")
    parser.add_argument("--out", type=Path, help="a Markdown file")
    options = parser.parse_args()
    page = "\n".join(table(options)) + "\n"
    if options.out:
        options.out.write_text(page)
    print(page)


def table(options: argparse.Namespace) -> list[str]:
    """Two rows and what they say."""
    told = measure(options.size, options.batch, options.device, options.steps, options.compile)
    best, flops = peak(options.device), told["ours"]["flops"]
    ours, plain = told["ours"], told["straightforward"]
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    name = torch.cuda.get_device_name() if options.device == "cuda" else f"{platform.machine()} CPU"
    return [
        f"# A training step of `{options.size}`",
        "",
        f"`python {' '.join(sys.argv)}` at commit {git.stdout.strip() or 'unknown'}; {name}, "
        f"{torch.get_num_threads()} threads; ours: {fast_precision(options.device)}"
        f"{', compiled' if options.compile else ''}; batch {options.batch}, {options.steps} timed steps of each.",
        "",
        "| way | s a step | CPU s a step | of these the optimizer, s | samples a second |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {way} | {row['seconds']:.3f} | {row['cpu']:.2f} | {row['optimizer']:.3f} "
            f"| {options.batch / row['seconds']:.2f} |"
            for way, row in told.items()
        ),
        "",
        f"{plain['seconds'] / ours['seconds']:.2f} times as fast by the clock, {plain['cpu'] / ours['cpu']:.2f} times "
        f"in CPU seconds. Ours: {flops / 1e12:.3f} TFLOP a step, {flops / ours['seconds'] / 1e12:.3f} TFLOP/s, "
        f"{100 * flops / ours['seconds'] / best:.0f} % of the {best / 1e12:.2f} TFLOP/s of a product of matrices.",
    ]


if __name__ == "__main__":
    main()
