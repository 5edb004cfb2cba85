import pytest
import torch

from avsync.data.pairs import TOLERANCE, draw_pairs, time_targets

CPU = torch.device("cpu")


def drawn(across: float, clips: int = 4, windows: int = 12, seed: int = 0):
    return draw_pairs(clips, windows, across=across, generator=torch.Generator().manual_seed(seed), device=CPU)


def test_positives_are_the_same_window_of_the_same_clip():
    pairs = drawn(0.5)
    assert torch.equal(pairs.video[pairs.synced], pairs.audio[pairs.synced])
    assert pairs.synced.float().mean() == 0.5


@pytest.mark.parametrize("seed", range(20))
def test_shifted_pairs_stay_in_their_clip_and_never_within_the_tolerance(seed):
    pairs = drawn(0.0, seed=seed)
    video, audio = pairs.video[~pairs.synced], pairs.audio[~pairs.synced]
    assert torch.equal(video // 12, audio // 12)
    assert ((video - audio).abs() > TOLERANCE).all()


def test_pairs_across_clips_come_from_another_clip():
    pairs = drawn(1.0)
    assert (pairs.video[~pairs.synced] // 12 != pairs.audio[~pairs.synced] // 12).all()


def test_a_single_clip_has_no_other_to_pair_with():
    pairs = drawn(1.0, clips=1)
    assert ((pairs.video - pairs.audio).abs()[~pairs.synced] > TOLERANCE).all()


def test_every_allowed_shift_is_drawn():
    shifts = set()
    for seed in range(200):
        pairs = drawn(0.0, clips=1, seed=seed)
        shifts |= set((pairs.audio - pairs.video)[~pairs.synced].tolist())
    assert shifts == {s for s in range(-11, 12) if abs(s) > TOLERANCE}


def test_too_short_a_clip_is_refused():
    with pytest.raises(ValueError, match="longer segments"):
        drawn(0.0, windows=3)


def test_time_targets_leave_out_the_tolerance():
    allowed = time_targets(6, CPU)
    assert not allowed.diagonal().any() and not allowed.diagonal(1).any() and not allowed.diagonal(-1).any()
    assert allowed.sum() == 6 * 6 - 6 - 2 * 5
