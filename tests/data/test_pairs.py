import pytest
import torch

from avsync.data.pairs import TOLERANCE, Hardness, draw_pairs, numbered, time_targets

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


@pytest.mark.parametrize("seed", range(50))
def test_no_negative_is_what_evaluation_counts_as_correct(seed):
    """Whatever is asked for: never within the tolerance in a clip, never another segment of the same clip."""
    draw = torch.Generator().manual_seed(seed)
    clips, windows = (int(torch.randint(low, high, (), generator=draw)) for low, high in ((1, 7), (4, 30)))
    across, near = torch.rand(2, generator=draw).tolist()
    clip = torch.randint(0, 3, (clips,), generator=draw)
    reach, negatives = (int(torch.randint(low, high, (), generator=draw)) for low, high in ((2, 9), (1, 5)))
    pairs = draw_pairs(
        clips,
        windows,
        across=across,
        generator=draw,
        device=CPU,
        near=near,
        reach=reach,
        negatives=negatives,
        clip=clip,
    )
    assert len(pairs.video) == clips * windows * (1 + negatives) and int(pairs.synced.sum()) == clips * windows
    video, audio = pairs.video[~pairs.synced], pairs.audio[~pairs.synced]
    same = video // windows == audio // windows
    assert ((video - audio).abs()[same] > TOLERANCE).all()
    assert (clip[video // windows] != clip[audio // windows])[~same].all()
    assert torch.bincount(video, minlength=clips * windows).eq(negatives).all()


def test_near_negatives_lie_just_beyond_the_tolerance():
    generator = torch.Generator().manual_seed(0)
    asked = {"across": 1.0, "generator": generator, "device": CPU, "reach": 4}
    pairs = draw_pairs(6, 40, near=1.0, **asked)
    shift = (pairs.video - pairs.audio)[~pairs.synced].abs()
    assert set(shift.tolist()) == {2, 3, 4}
    pairs = draw_pairs(6, 40, near=0.5, **asked, negatives=20)
    inside = (pairs.video // 40 == pairs.audio // 40)[~pairs.synced]
    assert inside.float().mean() == pytest.approx(0.5, abs=0.03)  # the others are of other clips
    with pytest.raises(ValueError, match="within the tolerance"):
        draw_pairs(6, 40, near=1.0, **{**asked, "reach": 1})


def test_hardness_rises_in_a_line_and_stays():
    hardness = Hardness(start=0.2, end=0.8, over=0.5)
    assert [hardness.near(x) for x in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0.2, 0.5, 0.8, 0.8])
    assert Hardness(start=0.2, end=0.8, over=0.0).near(0.0) == 0.8


def test_numbers_of_clips():
    assert numbered(["a", "b", "a", "c"]).tolist() == [0, 1, 0, 3]
