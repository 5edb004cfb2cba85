"""Offsets far away: found exactly, and believed only when they are surer than a near one had to be."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from avsync import cli
from avsync.alignment.chance import Chance
from avsync.alignment.distances import BLOCK, WIDE, distance_matrix
from avsync.alignment.measure import measure
from avsync.alignment.offset import Sums, estimate, read_curve
from avsync.media.remux import shift_audio
from avsync.media.write import write_video
from avsync.models import checkpoints
from mouths import draw_mouth, film_mouth

GATHERED = """
import resource, torch
from avsync.alignment.distances import distance_matrix

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
face, sound = torch.rand(20_000, 256), torch.rand(20_000, 256)
before = peak()
print(len(distance_matrix(face, sound, 15)), peak() - before)
"""


def embeddings(count: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("start", [0, 40])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_all_pairs_at_once_are_the_same_distances(start, scale):
    video, audio = scale * embeddings(60), scale * embeddings(90, 1)
    wide = distance_matrix(video, audio, 100, start)
    plain = torch.full((60, 201), float("nan"))
    for i in range(60):
        for k in range(201):
            j = i + start - (k - 100)
            if 0 <= j < 90:
                plain[i, k] = (video[i] - audio[j]).norm()
    assert torch.allclose(wide, plain, rtol=1e-4, equal_nan=True)
    near = distance_matrix(video, audio, WIDE, start)
    assert torch.allclose(wide[:, 100 - WIDE : 101 + WIDE], near, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize("search", [15, 40])
def test_what_is_compared_in_blocks_is_compared_alike(monkeypatch, search):
    video, audio = embeddings(2 * BLOCK + 30), embeddings(2 * BLOCK, 1)
    blocks = distance_matrix(video, audio, search, start=-20)
    monkeypatch.setattr("avsync.alignment.distances.BLOCK", 10 * BLOCK)
    whole = distance_matrix(video, audio, search, start=-20)
    assert len(blocks) == len(video) and torch.equal(blocks.isnan(), whole.isnan())
    if search <= WIDE:
        assert torch.equal(blocks.nan_to_num(), whole.nan_to_num())
    assert torch.allclose(blocks, whole, atol=1e-5, equal_nan=True)


def test_a_face_that_never_leaves_is_compared_in_the_memory_of_a_piece():
    """13 minutes, all sound gathered at once: 630 MB and more."""
    done = subprocess.run([sys.executable, "-c", GATHERED], check=True, capture_output=True, text=True)
    count, grown = map(float, done.stdout.split())
    assert count == 20_000 and grown < 150


def test_pieces_add_up_to_the_whole():
    matrix = distance_matrix(embeddings(80), embeddings(80, 1), 15)
    weight = torch.rand(80, generator=torch.Generator().manual_seed(2))
    sums = Sums()
    for first in (0, 30, 31):
        last = {0: 30, 30: 31, 31: 80}[first]
        sums.add(matrix[first:last], weight[first:last])
    whole, pieced = estimate(matrix, weight), sums.estimate()
    assert torch.allclose(whole.curve, pieced.curve, equal_nan=True) and whole.windows == pytest.approx(pieced.windows)
    assert Sums().estimate() is None


def test_confidence_is_read_around_the_minimum():
    curve = torch.full((501,), 2.0)
    curve[380:420] = 1.0  # other words, that are nearer as a whole
    curve[400] = 0.4
    found = read_curve(curve, 100.0)
    assert found.frames == 150 and found.confidence == pytest.approx(0.6) and found.candidates == 501


def test_a_part_of_a_curve_keeps_its_place():
    curve = (torch.arange(-250, 251).float() - 120.3).abs().half()
    near = read_curve(curve, 10.0).near(118)
    assert near.frames == 120 and len(near.curve) == 31 and near.centre == 118 and near.offset * 25 > 120
    assert read_curve(curve, 10.0).near(245).frames == 230  # as near as it goes
    assert read_curve(torch.full((501,), float("nan")).index_fill(0, torch.tensor([0]), 1.0), 1.0).near(100) is None


def test_more_candidates_ask_for_more():
    chance = Chance(-2.0, 5.0, 2.0)
    odds = []
    for search in (10, 15, 750):
        curve = torch.ones(2 * search + 1)
        curve[search] = 0.6
        likely = chance(read_curve(curve, 20.0))
        odds.append(likely / (1 - likely))
    assert odds[0] == pytest.approx(odds[1]) and odds[1] / odds[2] == pytest.approx(1501 / 31, rel=1e-3)
    assert math.isfinite(odds[2])


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    return film_mouth(tmp_path_factory.mktemp("minute") / "mouth.mp4", 600, seconds=64.0)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [-26.4, 0.0, 17.36])
def test_a_far_shift_is_found(minute, mouth_run, tmp_path, seconds):
    net, calibration = checkpoints.load(mouth_run / "checkpoints" / "best.ckpt")
    shift_audio(minute, tmp_path / "far.mkv", -seconds)
    result = measure(tmp_path / "far.mkv", net, calibration, crop="none", search=750)
    assert abs(result.estimate.offset - seconds) <= 0.02 and result.verdict != "undecided"
    windows = result.tracks[0].windows
    near = [found for _, found in windows if abs(found.offset - seconds) <= 0.04]
    assert len(near) > 0.5 * len(windows) > 50 and all(len(found.curve) <= 31 for _, found in windows)
    if abs(seconds) > 1:
        near = measure(tmp_path / "far.mkv", net, calibration, crop="none")
        assert near.verdict == "undecided"


@pytest.mark.slow
@pytest.mark.parametrize("search", [25, 750])
def test_sound_of_somebody_else_stays_undecided(mouth_run, tmp_path, search):
    net, calibration = checkpoints.load(mouth_run / "checkpoints" / "best.ckpt")
    for seed in range(3):
        sound = draw_mouth(620 + seed, seconds=30.0).audio
        write_video(tmp_path / "dubbed.mp4", draw_mouth(610 + seed, seconds=30.0).frames, sound)
        result = measure(tmp_path / "dubbed.mp4", net, calibration, crop="none", search=search)
        assert result.verdict == "undecided" and result.chance < 0.5


def test_the_range_is_in_seconds_and_has_an_end(capsys):
    for wrong in ("31", "0", "-1", "x", "nan"):
        with pytest.raises(SystemExit):
            cli.main(["offset", "talk.mp4", "--search", wrong])
    assert "--search" in capsys.readouterr().err
