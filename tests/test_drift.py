"""Drift measured and repaired, on drawn mouths whose sound is moved as a bad clock or a bad cut moves it."""

import json
import os

import numpy as np
import pytest

import avsync
from avsync import cli
from avsync.clock import SAMPLE_RATE
from avsync.media.remux import shift_audio
from avsync.media.write import write_video
from mouths import draw_mouth
from rows import check_row

HALF_FRAME_MS = 20


def write_line(path, seed, seconds, ppm, early=0.0):
    """A mouth whose sound for the picture at t is heard at t - early - ppm t / 1e6."""
    clip = draw_mouth(seed, seconds)
    times = np.arange(len(clip.audio)) / SAMPLE_RATE
    shown = (times + early) / (1 - ppm * 1e-6)
    write_video(path, clip.frames, np.interp(shown, times, clip.audio, 0, 0).astype(np.float32))
    return path


def lit(frames, skin):
    """Pictures whose skin is as bright as that: what makes a cut."""
    return (frames + (skin - frames[:, :20].mean())).clip(0, 255).astype(np.uint8)


def write_steps(path, seeds, seconds, early):
    """Mouths in dark and bright light by turns, each with sound that is early by its own time."""
    clips = [draw_mouth(seed, seconds) for seed in seeds]
    frames = [lit(clip.frames, 130 if k % 2 else 215) for k, clip in enumerate(clips)]
    sound = np.zeros(round(len(seeds) * seconds * SAMPLE_RATE) + 2 * SAMPLE_RATE, np.float32)
    for k, (clip, by) in enumerate(zip(clips, early, strict=True)):
        first = round((k * seconds - by + 1) * SAMPLE_RATE)
        sound[first : first + len(clip.audio)] = clip.audio
    write_video(path, np.concatenate(frames), sound[SAMPLE_RATE:-SAMPLE_RATE])
    return path


@pytest.fixture
def command(mouth_run, capsys):
    """Run a verb with --json and give (status, rows, stderr); rows are held to their schema."""

    def run(verb, *arguments):
        checkpoint = mouth_run / "checkpoints" / "best.ckpt"
        given = [verb, *map(str, arguments), "--checkpoint", str(checkpoint), "--crop", "none", "--json"]
        status = cli.main(given)
        said = capsys.readouterr()
        rows = [json.loads(line) for line in said.out.splitlines()]
        for row in rows:
            check_row("error" if "error" in row else verb, row)
        return status, rows, said.err

    return run


def in_sync_everywhere(row):
    """A drift row after the repair: nothing but a constant of 0, in every shot."""
    sure = [point for point in row["points"] if point["chance"] > 0.8]
    assert row["kind"] in ("constant", "linear") and abs(row["offset_ms"]) <= HALF_FRAME_MS
    assert len(sure) >= 0.7 * len(row["points"])
    assert all(abs(point["offset_ms"]) <= HALF_FRAME_MS for point in sure)


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """8 s, 200 ms early."""
    folder = tmp_path_factory.mktemp("early")
    write_line(folder / "straight.mp4", 410, 8.0, 0)
    shift_audio(folder / "straight.mp4", folder / "early.mp4", -0.2)
    return folder / "early.mp4"


def test_a_constant_is_measured_and_fixed_once(command, early, tmp_path):
    status, (row,), _ = command("drift", early)
    assert status == 0 and row["kind"] == "constant" and row["offset_ms"] == pytest.approx(200, abs=HALF_FRAME_MS)
    before = early.read_bytes()
    for how, action in ((["--force"], "shifted"), (["--rewrite-audio", "--force"], "rewritten")):
        status, (done,), _ = command("fix", early, tmp_path / "fixed.mp4", *how)
        assert (status, done["action"], done["out"]) == (0, action, str(tmp_path / "fixed.mp4"))
        in_sync_everywhere(command("drift", tmp_path / "fixed.mp4")[1][0])
        status, (again,), _ = command("fix", tmp_path / "fixed.mp4", tmp_path / "again.mp4", *how)
        assert (status, again["action"]) == (0, "copied")
        assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "fixed.mp4").read_bytes()
    assert early.read_bytes() == before


def test_an_undecided_file_is_left_and_the_status_says_so(command, early, tmp_path):
    out = tmp_path / "out.mp4"
    status, (row,), _ = command("fix", early, out, "--min-confidence", "1000")
    assert status == 3 and row["action"] == "nothing" and row["out"] is None and "less than 1000" in row["why"]
    status, (row,), _ = command("fix", early, out, "--min-chance", "1")
    assert status == 3 and row["kind"] == "undecided" and "right within a frame" in row["why"]
    dubbed = tmp_path / "dubbed.mp4"
    write_video(dubbed, draw_mouth(301).frames, draw_mouth(302).audio)
    assert command("fix", dubbed, out)[0] == 3
    write_video(dubbed, draw_mouth(301).frames, np.zeros_like(draw_mouth(302).audio))
    status, (row,), _ = command("fix", dubbed, out)
    assert status == 3 and row["why"] == "no speech that a face shows" and not out.exists()


def test_the_input_is_never_the_output(command, early, tmp_path):
    hard, soft = tmp_path / "hard.mp4", tmp_path / "soft.mp4"
    os.link(early, hard)
    soft.symlink_to(early)
    before = early.read_bytes()
    for out in (early, hard, soft, early.parent / "." / early.name):
        for offset in ([], ["--offset", "100"]):
            status, (row,), err = command("fix", early, out, "--force", *offset)
            assert status == 2 and "is the input itself" in row["error"] and err == f"avsync: {row['error']}\n"
    assert early.read_bytes() == before


def test_what_is_there_is_only_replaced_when_told(command, early, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_text("mine")
    status, _, err = command("fix", early, out, "--offset", "100")
    assert status == 2 and "--force" in err and out.read_text() == "mine"
    assert command("fix", early, out, "--offset", "100", "--force")[0] == 0
    assert command("fix", tmp_path / "absent.mp4", tmp_path / "new.mp4")[0] == 2
    assert not (tmp_path / "new.mp4").exists()


def test_a_given_offset_is_applied_without_measuring(command, early, tmp_path):
    (tmp_path / "folder").mkdir()
    status, (row,), _ = command("fix", early, tmp_path / "folder", "--offset", "200")
    assert status == 0 and row["kind"] == "given" and row["out"] == str(tmp_path / "folder" / "early.mp4")
    in_sync_everywhere(command("drift", tmp_path / "folder" / "early.mp4")[1][0])


def test_words_for_people(early, mouth_run, tmp_path, capsys):
    checkpoint = ["--checkpoint", str(mouth_run / "checkpoints" / "best.ckpt"), "--crop", "none"]
    assert cli.main(["drift", str(early), *checkpoint]) == 0
    assert "constant, audio leads video by" in capsys.readouterr().out
    assert cli.main(["fix", str(early), str(tmp_path / "out.mp4"), *checkpoint]) == 0
    assert "moved by timestamps" in capsys.readouterr().out
    assert cli.main(["fix", str(early), str(tmp_path / "x.mp4"), *checkpoint, "--min-confidence", "99"]) == 3
    assert "nothing written: confidence" in capsys.readouterr().out


def test_steps_at_cuts_are_found_and_undone(command, tmp_path):
    source, fixed = write_steps(tmp_path / "in.mkv", (420, 421, 422), 8.0, (0.12, -0.2, 0.28)), tmp_path / "out.mkv"
    _, (row,), _ = command("drift", source)
    assert row["kind"] == "steps"
    assert [step["time"] for step in row["steps"]] == pytest.approx([0, 8, 16], abs=0.081)
    assert [step["offset_ms"] for step in row["steps"]] == pytest.approx([120, -200, 280], abs=HALF_FRAME_MS)
    status, (done,), _ = command("fix", source, fixed)
    assert status == 0 and done["action"] == "rewritten"
    in_sync_everywhere(command("drift", fixed)[1][0])


@pytest.mark.parametrize("ppm", [2000])
def test_a_line_is_found_and_undone(command, tmp_path, ppm):
    check_line(command, tmp_path, ppm, 40.0)


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [-1000, 41_667])
def test_other_lines_are_found_and_undone(command, tmp_path, ppm):
    row = check_line(command, tmp_path, ppm, 60.0)
    assert row["cause"] is not None


def check_line(command, tmp_path, ppm, seconds):
    source, fixed = write_line(tmp_path / "in.mkv", 411, seconds, ppm, early=0.08), tmp_path / "out.mkv"
    _, (row,), _ = command("drift", source)
    assert row["kind"] == "linear" and row["ppm"] == pytest.approx(ppm, rel=0.1)
    assert row["ppm_error"] < 0.05 * abs(ppm)
    status, (done,), _ = command("fix", source, fixed)
    assert status == 0 and done["action"] == "rewritten"
    in_sync_everywhere(command("drift", fixed)[1][0])
    return row


def test_the_functions_give_what_the_command_prints(early, mouth_run, tmp_path):
    checkpoint = mouth_run / "checkpoints" / "best.ckpt"
    found = avsync.drift(early, checkpoint, crop="none")
    assert found.kind == "constant" and found.offset == pytest.approx(0.2, abs=0.02) and found.ppm_error is None
    done = avsync.fix(early, tmp_path / "out.mp4", checkpoint, crop="none")
    assert done.action == "shifted" and done.found is not None and (tmp_path / "out.mp4").exists()
