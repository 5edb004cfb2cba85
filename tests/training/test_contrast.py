"""Two processes give what one would with all of the batch."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from avsync.losses import info_nce
from avsync.training.contrast import everywhere, numbered, told_apart

KEYS = [f"clip{k // 2}" for k in range(8)]
TIMES = torch.arange(8.0) % 2
GAPS = (None, 0.5)


def network() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(6, 4)


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(8, 6, generator=draw), torch.randn(8, 6, generator=draw)


def contrast(net, sound, picture, keys, times, gap) -> torch.Tensor:
    allowed = told_apart(everywhere(numbered(keys)), everywhere(times), gap)
    return info_nce(everywhere(net(sound)), everywhere(net(picture)), 0.1, True, allowed=allowed)


def share(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    part, found = slice(4 * rank, 4 * rank + 4), []
    for gap in GAPS:
        net, (sound, picture) = network(), inputs()
        loss = contrast(net, sound[part], picture[part], KEYS[part], TIMES[part], gap)
        loss.backward()
        slopes = net.weight.grad.clone()
        dist.all_reduce(slopes)  # as DDP does it: the mean over ranks
        found.append((loss.item(), slopes / 2))
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_give_the_loss_and_the_gradients_of_one(tmp_path):
    processes.spawn(share, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        for gap, (loss, slopes) in zip(GAPS, torch.load(tmp_path / f"{rank}.pt"), strict=True):
            net = network()
            whole = contrast(net, *inputs(), KEYS, TIMES, gap)
            whole.backward()
            assert loss == pytest.approx(whole.item(), rel=1e-6)
            assert torch.allclose(slopes, net.weight.grad, atol=1e-6)


def test_alone_nothing_is_gathered():
    own = torch.ones(2, 3, requires_grad=True)
    assert everywhere(own) is own


def test_who_has_to_be_told_apart():
    clip, times = torch.tensor([5, 5, 7]), torch.tensor([0.0, 1.0, 0.0])
    other = torch.tensor([[False, False, True], [False, False, True], [True, True, False]])
    assert torch.equal(told_apart(clip, times, None), other)
    assert torch.equal(told_apart(clip, times, 2.0), other)
    assert torch.equal(told_apart(clip, times, 0.5), ~torch.eye(3, dtype=torch.bool))
    assert not told_apart(clip, times, 0.0).diagonal().any()


def test_numbers_are_the_same_on_every_rank():
    assert torch.equal(numbered(["a", "b", "a"]), numbered(["a", "b", "a"]))
    assert len(numbered([f"clip{k}" for k in range(1000)]).unique()) == 1000
