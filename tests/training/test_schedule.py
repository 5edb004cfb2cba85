import pytest
import torch

from avsync.training.schedule import halving, warmup_cosine


def rates(steps: int, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    schedule = warmup_cosine(optimizer, total, warmup=0.2, last=0.1)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_it_rises_peaks_and_falls():
    found = rates(101, 100)
    assert found[0] == pytest.approx(2.0 / 20) and max(found) == pytest.approx(2.0)
    assert found.index(max(found)) in (19, 20) and found[100] == pytest.approx(0.2)
    assert found[20:] == sorted(found[20:], reverse=True)


def test_past_the_end_it_stays():
    assert rates(120, 100)[-1] == pytest.approx(0.2)


def test_cav_mae_halves_after_the_10th_of_25_epochs_and_every_5():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    schedule = halving(optimizer, total_steps=250)
    found = []
    for _ in range(250):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert found == [2.0] * 100 + [1.0] * 50 + [0.5] * 50 + [0.25] * 50
