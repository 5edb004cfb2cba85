"""Scores of drawn mouths, in sync and not; LSE through a file as the released code has it."""

import json
from importlib.metadata import version

import numpy as np
import pytest
import torch

import avsync
from avsync import cli, clock
from avsync.alignment.embedded import Seen
from avsync.errors import AvsyncError, MediaError
from avsync.evaluation.lse import lse_of_clip
from avsync.evaluation.score import LIMITS, is_released, segments
from avsync.media.read import read_frames
from avsync.media.remux import shift_audio
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.models import checkpoints
from avsync.models.checkpoints import fingerprint
from avsync.models.imports import import_weights
from avsync.models.shipped import export
from mouths import draw_mouth, film_mouth
from released import SIZE, random_released
from rows import check_row


@pytest.fixture(scope="module")
def checkpoint(mouth_run):
    return mouth_run / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film_mouth(tmp_path_factory.mktemp("video") / "mouth.mp4", 300, seconds=6.0)


def test_what_is_in_sync_scores_high(video, checkpoint):
    found = avsync.score(video, checkpoint, crop="none")
    assert len(found.segments) == 6 and found.aligned == 1 and found.score > 0.9
    assert set(found.within.values()) == {1.0} and found.lse is None
    assert [segment.time for segment in found.segments] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    expected = np.average([one.chance for one in found.segments], weights=[one.speech for one in found.segments])
    assert found.score == pytest.approx(expected)


@pytest.mark.parametrize("first", [20, 22, 24, 25])
def test_a_face_that_comes_at_the_end_of_a_segment_has_none_there(first):
    windows = torch.nn.functional.normalize(torch.randn(200, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    face = Seen(0, clock.seconds(first), windows[first:150], torch.ones(150 - first))
    found = segments([face], windows, torch.ones(200), clock.FPS)
    assert [segment.time for segment in found] == [1.5, 2.5, 3.5, 4.5, 5.5]
    assert all(segment.found.windows <= 21 for segment in found)


@pytest.mark.parametrize(
    ("milliseconds", "inside"),
    [
        (65, {"bt1359_acceptability"}),
        (-95, {"bt1359_detectability", "bt1359_acceptability"}),
        (-155, {"bt1359_acceptability"}),
        (300, set()),
    ],
)
def test_limits_are_told_with_the_sign_of_the_clock(video, checkpoint, tmp_path, milliseconds, inside):
    shift_audio(video, tmp_path / "moved.mp4", -milliseconds / 1000)  # positive: the sound early
    found = avsync.score(tmp_path / "moved.mp4", checkpoint, crop="none")
    assert {name for name, share in found.within.items() if share > 0.9} == inside
    assert {name for name, share in found.within.items() if share < 0.1} == set(LIMITS) - inside
    if abs(milliseconds) > 80:
        assert found.score < 0.1 and found.aligned < 0.1


def test_a_file_that_falls_out_of_sync_halfway_says_when(checkpoint, tmp_path):
    clip = draw_mouth(310, seconds=8.0)
    sound = np.concatenate([clip.audio[:64_000], np.roll(clip.audio[64_000:], 10 * 640)])
    write_video(tmp_path / "half.mkv", clip.frames, sound)
    found = avsync.score(tmp_path / "half.mkv", checkpoint, crop="none")
    aligned = [segment.aligned for segment in found.segments if abs(segment.time - 4.5) > 0.6]
    assert aligned == [True] * 4 + [False] * 3 and 0.4 < found.score < 0.6


def test_silence_has_no_score(checkpoint, tmp_path):
    clip = draw_mouth(311, seconds=2.0)
    write_video(tmp_path / "mute.mkv", clip.frames, np.zeros_like(clip.audio))
    found = avsync.score(tmp_path / "mute.mkv", checkpoint, crop="none")
    assert found.segments == [] and found.score is None and found.within["ebu_r37"] is None


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A checkpoint of the released network with random weights, and a file of a drawn mouth."""
    folder = tmp_path_factory.mktemp("released")
    clip = draw_mouth(0, seconds=1.0, size=SIZE)
    torch.save(random_released(clip.frames, clip.audio).state_dict(), folder / "syncnet_v2.model")
    import_weights(folder / "syncnet_v2.model", folder / "v2.ckpt")
    write_video(folder / "mouth.mkv", clip.frames, clip.audio)
    return folder


def test_lse_of_a_file_is_that_of_its_frames_and_sound(released, checkpoint, capsys):
    net, _ = checkpoints.load(released / "v2.ckpt")
    frames = np.stack([picture for _, picture in read_frames(released / "mouth.mkv")])
    expected = lse_of_clip(net, frames, read_audio(released / "mouth.mkv"))
    given = ["score", str(released / "mouth.mkv"), "--checkpoint", str(checkpoint), "--crop", "none"]
    assert cli.main([*given, "--lse", str(released / "v2.ckpt"), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    check_row("score", row)
    assert row["lse_d"] == pytest.approx(expected.distance, abs=1e-3)
    assert row["lse_c"] == pytest.approx(expected.confidence, abs=1e-3)
    assert row["lse_faces"][0]["offset_frames"] == expected.offset and row["score"] is not None
    used = row["settings"]
    assert used["lse_network"].endswith("v2.ckpt") and used["search_frames"] == 15 and used["lse_crop"] == "given"
    assert used["lse_weights"] == fingerprint(net) != used["weights"]


def test_a_fingerprint_is_that_of_the_weights_whatever_they_came_in(checkpoint, tmp_path):
    net, _ = checkpoints.load(checkpoint)
    again, _ = checkpoints.load(export(checkpoint, tmp_path / "exported") / "model.safetensors")
    assert fingerprint(again) == fingerprint(net)
    with torch.no_grad():
        next(again.parameters()).add_(1e-4)
    assert fingerprint(again) != fingerprint(net)
    before = fingerprint(net)
    net.centre = not net.centre
    assert fingerprint(net) != before


def test_what_numbers_depend_on_is_told_beside_them(video, checkpoint):
    net, calibration = checkpoints.load(checkpoint)
    used = avsync.score(video, checkpoint, crop="none", min_chance=0.7).settings
    assert used["avsync"] == version("avsync") and used["weights"] == fingerprint(net) and used["min_chance"] == 0.7
    assert used["calibration"] == calibration["chance"] and used["lse_crop"] is None


def test_lse_of_another_network_is_refused(video, checkpoint, mouth_run):
    assert not is_released(checkpoints.load(checkpoint)[0])
    with pytest.raises(AvsyncError, match="not SyncNet's released network.*avsync import"):
        avsync.score(video, checkpoint, checkpoint, crop="none")


def test_words_for_people_and_the_mean(video, checkpoint, tmp_path, capsys):
    shift_audio(video, tmp_path / "late.mp4", 0.3)
    given = ["score", str(video), str(tmp_path / "late.mp4"), "--checkpoint", str(checkpoint), "--crop", "none"]
    assert cli.main(given) == 0
    said = capsys.readouterr().out
    assert "avsync import" in said and "mean of 2 files: score 0." in said and "; LSE-D" not in said
    assert said.count("search ±15 frames, tolerance ±1, segments of 1 s, decided from a chance of 0.5") == 2
    mean = said.splitlines()[-1]
    assert cli.main([*given, "--json"]) == 0
    out, err = capsys.readouterr()
    assert mean.startswith("mean of 2 files") and mean in err.splitlines()
    rows = [json.loads(line) for line in out.splitlines()]
    for row in rows:
        check_row("score", row)
    assert rows[0]["score"] > 0.9 and rows[1]["score"] < 0.1 and rows[0]["lse_d"] is None


def test_a_bad_segment_is_one_line(video, checkpoint, capsys):
    assert cli.main(["score", str(video), "--checkpoint", str(checkpoint), "--crop", "none", "--segment", "0.1"]) == 2
    assert "at least 0.4" in capsys.readouterr().err
    with pytest.raises(MediaError, match=r"at least 0\.4"):
        avsync.score(video, checkpoint, crop="none", segment=0.1)
