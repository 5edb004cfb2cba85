"""Scores mean the same for every clip: on embeddings that are drawn, not learnt."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avsync.alignment.scores import Embedded, robust_spread, score, wrong_curve
from avsync.alignment.verdicts import SILENCE_DB, draw_line, judge

SEARCH = 15
TOLD = {"seconds": 3.0, "speech": 1.0, "level": -20.0, "motion": 3.0}


def stream(count, seed):
    """(count, 16) of unit length, neighbours alike as those of overlapping windows are."""
    noise = torch.randn(count + 4, 16, generator=torch.Generator().manual_seed(seed))
    return F.normalize(noise.unfold(0, 5, 1).sum(dim=-1), dim=-1)


def clip(seed, length, early=None, noise=0.5, **told):
    """Sound that is early by so many frames, None: that does not belong there."""
    audio = stream(length + 80, seed)
    start = 40 if early is None else 40 - early
    video = stream(length, seed + 5000) if early is None else audio[start : start + length]
    video = F.normalize(video + noise * stream(length, seed + 9000), dim=-1)
    return Embedded(f"{seed}", video, audio[40 : 40 + length], torch.ones(length), TOLD | told)


def scored(clips, search=SEARCH):
    return [score(one, clips[k + 1 :] + clips[:k], search) for k, one in enumerate(clips)]


@pytest.mark.parametrize("length", [40, 71, 246])
def test_a_wrong_sound_scores_about_0_at_any_length(length):
    rows = scored([clip(seed, length) for seed in range(40)])
    scores, wrong = np.array([row["score"] for row in rows]), np.concatenate([row["wrong"] for row in rows])
    assert abs(np.median(scores) - np.median(wrong)) < 0.6 and np.std(wrong) == pytest.approx(0.85, abs=0.35)
    assert (scores > np.quantile(wrong, 0.99)).mean() <= 0.1


def test_a_right_sound_stands_out_the_more_the_longer_it_is():
    short, long = (scored([clip(seed, length, 0) for seed in range(8)]) for length in (40, 160))
    assert min(row["score"] for row in short) > 4
    assert np.mean([row["score"] for row in long]) > 1.5 * np.mean([row["score"] for row in short])
    assert all(row["offset"] == 0 and row["best"] == row["score"] for row in short)


@pytest.mark.parametrize("early", [-9, -4, 6, 12])
def test_a_shift_is_found_with_its_sign_and_not_taken_for_sync(early):
    rows = scored([clip(0, 71, early), *(clip(seed, 71, 0) for seed in range(1, 30))])
    line = draw_line(rows)
    assert rows[0]["offset"] == early
    verdict, reason = judge(rows[0], line)
    assert verdict == "drop" and reason.startswith(f"shifted by {early:+d} frames")
    assert judge(rows[0], line, correct=12)[0] == "corrected" and judge(rows[0], line, correct=3)[0] == "drop"
    assert all(judge(row, line) == ("keep", "") for row in rows[1:])


def test_silence_and_photographs_are_told_by_their_own_evidence():
    clips = [clip(seed, 71, 0) for seed in range(12)]
    clips[0] = clip(0, 71, 0, level=SILENCE_DB - 1)
    clips[1] = clip(1, 71, 0, motion=0.01)
    clips[2] = Embedded("2", clips[2].video, clips[2].audio, torch.zeros(71), TOLD | {"speech": 0.0})
    rows = scored(clips)
    line = draw_line(rows)
    assert [judge(row, line)[1] for row in rows[:4]] == ["silence", "still face", "silence", ""]


def test_alone_there_is_nothing_to_compare_with():
    row = score(clip(0, 71, 0), [], SEARCH)
    assert judge(row, draw_line([row])) == ("drop", "nothing to compare")


def test_a_set_dubbed_with_itself_is_still_measured_against_wrong_sound():
    """One of the others holds the very sound that belongs to this face."""
    clips = [clip(seed, 71, 0) for seed in range(20)]
    apart = score(clips[0], clips[1:], SEARCH)
    among = score(clips[0], [clips[0], *clips[1:]], SEARCH)
    assert among["score"] == pytest.approx(apart["score"], rel=0.1)


@pytest.mark.parametrize("early", [0, 10])
def test_a_score_is_the_contrast_of_the_curve_in_spreads_of_wrong_ones(early):
    """At any offset: the curve itself is careful already where few windows reach it."""
    clips = [clip(seed, 46, early, noise=0.1) for seed in range(3)]
    row = score(clips[0], clips[1:], SEARCH)
    assert row["offset"] == early
    assert row["best"] == pytest.approx(row["confidence"] / spread_of(clips))


def spread_of(clips):
    face, others = clips[0], clips[1:]
    wrong = wrong_curve(face.video, torch.cat([other.audio for other in others]), face.weight)
    starts = torch.arange(len(wrong))[:, None] + torch.arange(-SEARCH, SEARCH + 1)
    around = wrong[starts % len(wrong)]
    return robust_spread(around.median(dim=1).values - around[:, SEARCH])
