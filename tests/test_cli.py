"""The command as people use it, on files of drawn mouths (already crops), with the network trained on such."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from avsync import cli
from avsync.media.remux import shift_audio
from avsync.media.write import write_video
from conftest import run_python
from mouths import draw_mouth, film_mouth
from rows import check_row


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film_mouth(tmp_path_factory.mktemp("video") / "mouth.mp4", 300, seconds=4.0)


@pytest.fixture
def offset(mouth_run, capsys):
    """Run ``avsync offset`` and give (status, JSON objects, stderr)."""

    def run(*arguments):
        checkpoint = mouth_run / "checkpoints" / "best.ckpt"
        given = ["offset", *map(str, arguments), "--checkpoint", str(checkpoint), "--crop", "none", "--json"]
        status = cli.main(given)
        said = capsys.readouterr()
        return status, [json.loads(line) for line in said.out.splitlines()], said.err

    return run


@pytest.mark.parametrize("milliseconds", [-480, -200, -40, 0, 80, 320, 520])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_shifting_a_file_by_x_and_measuring_gives_x_then_correcting_gives_0(
    video, offset, tmp_path, milliseconds, suffix
):
    early, mended = tmp_path / f"early.{suffix}", tmp_path / f"mended.{suffix}"
    shift_audio(video, early, -milliseconds / 1000)  # by timestamps alone; positive offset: sound early
    status, (found,), _ = offset(early)
    assert status == 0 and abs(found["offset_ms"] - milliseconds) <= 20
    shift_audio(early, mended, found["offset_ms"] / 1000)
    assert abs(offset(mended)[1][0]["offset_ms"]) <= 20


def test_the_json_is_what_the_schema_says(video, offset, mouth_run):
    _, (found,), _ = offset(video)
    check_row("offset", found)
    assert found["search_ms"] == 1000 and found["tracks"][0]["weight"] == 1
    assert found["file"] == str(video) and found["checkpoint"].endswith("best.ckpt")
    assert found["verdict"] == "in sync" and found["offset_frames"] == 0
    assert found["chance"] == found["tracks"][0]["chance"] > 0.9
    windows = found["tracks"][0]["windows"]
    assert len(windows) > 10
    assert [w["time"] for w in windows] == sorted(w["time"] for w in windows)
    assert np.median([abs(w["offset_ms"]) for w in windows]) <= 20


def test_words_for_people(video, mouth_run, capsys, tmp_path):
    late = tmp_path / "late.mp4"
    shift_audio(video, late, 0.2)
    checkpoint = mouth_run / "checkpoints" / "best.ckpt"
    assert cli.main(["offset", str(late), "--checkpoint", str(checkpoint), "--crop", "none"]) == 0
    said = capsys.readouterr().out
    assert f"checkpoint: {checkpoint}" in said and "audio lags video by" in said and "(-5 frames)" in said
    assert "track 0, 0.00 to 4.00 s" in said
    assert re.search(r"right within a frame: (over )?9\d %", said)


def test_what_is_too_unlikely_is_undecided_and_has_no_number(video, mouth_run, capsys):
    given = ["offset", str(video), "--checkpoint", str(mouth_run / "checkpoints" / "best.ckpt"), "--crop", "none"]
    assert cli.main([*given, "--min-chance", "1"]) == 0
    said = capsys.readouterr().out
    assert said.count(": undecided, confidence") == 2 and "frames)" not in said and "right within a frame" in said
    for wrong in ("97", "-1", "nan", "x"):
        with pytest.raises(SystemExit):
            cli.main([*given, "--min-chance", wrong])


def test_a_best_fit_at_the_edge_of_the_search_is_told(video, mouth_run, capsys, tmp_path):
    shift_audio(video, tmp_path / "late.mp4", 0.28)
    given = ["offset", str(tmp_path / "late.mp4"), "--checkpoint", str(mouth_run / "checkpoints" / "best.ckpt")]
    assert cli.main([*given, "--crop", "none", "--search", "0.24"]) == 0
    assert "undecided, at the edge of what was searched, confidence" in capsys.readouterr().out
    assert cli.main([*given, "--crop", "none", "--search", "0.4"]) == 0
    assert "at the edge of" not in capsys.readouterr().out


def test_with_no_checkpoint_named_the_newest_run_answers_and_is_named(video, mouth_run, capsys, monkeypatch):
    monkeypatch.chdir(mouth_run.parent.parent)
    (mouth_run.parent.parent / "runs").exists() or (mouth_run.parent.parent / "runs").symlink_to(mouth_run.parent)
    assert cli.main(["offset", str(video), "--crop", "none"]) == 0
    assert f"checkpoint: runs/{mouth_run.name}/checkpoints/best.ckpt" in capsys.readouterr().out


def test_unrelated_sound_is_undecided(offset, tmp_path):
    pictures, sound = draw_mouth(301).frames, draw_mouth(302).audio
    write_video(tmp_path / "dubbed.mp4", pictures, sound)
    (found,) = offset(tmp_path / "dubbed.mp4")[1]
    still = np.repeat(draw_mouth(303).frames[:1], 100, axis=0)
    write_video(tmp_path / "still.mp4", still, sound)
    (frozen,) = offset(tmp_path / "still.mp4")[1]
    assert frozen["verdict"] == found["verdict"] == "undecided"
    assert found["confidence"] < 0.5 * offset_confidence(offset, tmp_path)


def offset_confidence(offset, tmp_path) -> float:
    film_mouth(tmp_path / "right.mp4", 301)
    return offset(tmp_path / "right.mp4")[1][0]["confidence"]


def test_silence_is_undecided_with_no_number(offset, tmp_path):
    clip = draw_mouth(304)
    write_video(tmp_path / "silent.mp4", clip.frames, np.zeros_like(clip.audio))
    status, (found,), _ = offset(tmp_path / "silent.mp4")
    assert status == 0 and found["verdict"] == "undecided" and found["offset_ms"] is None


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    clip = draw_mouth(305, seconds=1.0)
    write_video(folder / "mute.mp4", clip.frames, None)
    write_video(folder / "blink.mp4", clip.frames[:3], clip.audio[: 3 * 640])
    (folder / "page.mp4").write_text("<html><body>404 Not Found</body></html>" * 50)
    (folder / "empty.mp4").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.mp4", "absent.mp4"),
        ("page.mp4", "page.mp4"),
        ("empty.mp4", "empty.mp4"),
        ("mute.mp4", "no sound"),
        ("blink.mp4", "a window is 0.2 s"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_status_2(offset, bad_files, name, words):
    status, (row,), err = offset(bad_files / name)
    check_row("error", row)
    assert status == 2 and row["file"] == str(bad_files / name)
    assert err == f"avsync: {row['error']}\n" and words in err


def test_one_bad_file_does_not_stop_the_others(video, offset, bad_files):
    files = [str(video), str(bad_files / "mute.mp4"), str(video)]
    status, rows, err = offset(*files)
    assert status == 2 and [row["file"] for row in rows] == files and "mute.mp4" in err
    assert ["error" in row for row in rows] == [False, True, False]


def test_people_read_of_a_bad_file_once(bad_files, capsys):
    given = ["offset", str(bad_files / "mute.mp4"), "--checkpoint", "syncnet", "--crop", "none"]
    assert cli.main(given) == 2
    said = capsys.readouterr()
    assert said.out == "checkpoint: syncnet\n" and said.err.count("mute.mp4") == 1


def test_a_video_without_a_face_says_so(video, mouth_run, capsys, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (50, 96, 96, 3), dtype=np.uint8)
    write_video(tmp_path / "noise.mp4", noise, draw_mouth(306, 2.0).audio)
    checkpoint = mouth_run / "checkpoints" / "best.ckpt"
    assert cli.main(["offset", str(tmp_path / "noise.mp4"), "--checkpoint", str(checkpoint)]) == 2
    said = capsys.readouterr().err
    assert "no face was found" in said and "--crop none" in said


def test_no_run_yet_says_what_to_do(video, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("avsync.models.PRETRAINED", tmp_path)
    assert cli.main(["offset", str(video)]) == 2
    assert "make train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["offset", "x.mp4", "--search", "40"], "--search: '40' is not a number from 0.04 to 30"),
        (["offset", "x.mp4", "--min-chance", "half"], "--min-chance: 'half' is not a number from 0 to 1"),
        (["fix", "x.mp4", "y.mp4", "--offset", "inf"], "--offset: 'inf' is not a number from -3600000 to 3600000"),
        (["score", "x.mp4", "--segment", "-1"], "--segment: '-1' is not a number of at least 0"),
        (["watch", "-", "--window", "nan"], "--window: 'nan' is not a number from 0.2 to 3600"),
        (["filter", "x", "--out", "y", "--workers", "1.5"], "--workers: '1.5' is not a whole number of at least 1"),
    ],
)
def test_a_number_out_of_its_limits_is_told_with_them(arguments, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert words in capsys.readouterr().err


def test_what_runs_and_export_cannot_read_or_write_is_one_line(mouth_run, tmp_path, capsys):
    assert cli.main(["runs", str(mouth_run.parent), "--csv", str(tmp_path / "nowhere" / "table.csv")]) == 2
    assert "table.csv: cannot be written" in capsys.readouterr().err
    (tmp_path / "card.md").write_bytes(b"caf\xe9")
    given = ["export", str(mouth_run / "checkpoints" / "best.ckpt"), str(tmp_path / "out"), "--card"]
    for card in ("card.md", "nowhere.md"):
        assert cli.main([*given, str(tmp_path / card)]) == 2
        assert f"{card}: cannot be read; give the model card" in capsys.readouterr().err


def test_the_command_is_installed():
    done = run_python("-m", "avsync", "offset", "--help")
    assert done.returncode == 0 and "--checkpoint" in done.stdout


def test_version_and_the_statuses_in_the_help(capsys):
    for option, words in (("--version", f"avsync {version('avsync')}\n"), ("--help", cli.STATUS)):
        with pytest.raises(SystemExit) as end:
            cli.main([option])
        assert end.value.code == 0 and words in capsys.readouterr().out


def test_an_undecided_answer_of_a_run_names_the_checkpoint_that_ships_once(video, mouth_run, capsys, tmp_path):
    silent = tmp_path / "silent.mp4"
    write_video(silent, draw_mouth(304).frames, np.zeros_like(draw_mouth(304).audio))
    run = str(mouth_run / "checkpoints" / "best.ckpt")
    for given, count in (
        ([video, video, "--min-chance", "1", "--checkpoint", run], 1),
        ([video, "--min-chance", "1", "--checkpoint", "syncnet"], 0),  # it is the one
        ([silent, "--checkpoint", run], 0),  # no network hears anything there
        ([video, "--checkpoint", run], 0),
    ):
        assert cli.main(["offset", *map(str, given), "--crop", "none"]) == 0
        assert capsys.readouterr().out.count("try --checkpoint syncnet") == count


@pytest.mark.parametrize("verb", ["offset", "drift", "fix", "score", "speakers", "report"])
def test_one_network_measures_all_files_of_a_command(verb, video, capsys, tmp_path, monkeypatch):
    """A training that ends in between makes another the newest."""
    newest = iter(["syncnet"])
    monkeypatch.setattr("avsync.api.default_checkpoint", lambda: next(newest))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    shutil.copy(video, tmp_path / "second.mp4")
    crop = [] if verb == "speakers" else ["--crop", "none"]
    given = [verb, str(video), "second.mp4", *(["out"] if verb == "fix" else []), *crop, "--json"]
    assert cli.main(given) == (2 if verb == "speakers" else 0)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 and all("no face" in row.get("error", "no face") for row in rows)
    assert all(row.get("checkpoint", "syncnet") == "syncnet" for row in rows)


def hearing_ctrl_c():
    """As in a terminal: who runs the tests in the background of a script has it ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


GROUP = {"start_new_session": True, "preexec_fn": hearing_ctrl_c, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
"""How a shell starts a command: in a group of its own, which Ctrl-C reaches."""


def started(*arguments, **given):
    return subprocess.Popen([sys.executable, "-m", "avsync", *map(str, arguments)], **GROUP, **given)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_status_130_and_no_traceback(tmp_path, workers):
    for name in ("a.mp4", "b.mp4"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "out").mkdir()
    more = ["--workers", workers] if workers > 1 else []
    with started("fix", tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "out", "--offset", "9", *more) as process:
        with (tmp_path / "a.mp4").open("wb"):  # opens when it is being read, and says nothing
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_ctrl_c_while_processes_start_is_no_traceback_of_theirs(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    code = (
        "import os, signal, sys; from avsync import cli; from avsync.cli import pool; start = pool._Worker._start\n"
        "def interrupted(self): start(self); os.killpg(0, signal.SIGINT)\n"
        "pool._Worker._start = interrupted; sys.exit(cli.main(sys.argv[1:]))"
    )
    given = ["fix", tmp_path / "a.mp4", tmp_path / "out.mp4", "--offset", "9", "--workers", "2"]
    done = subprocess.run([sys.executable, "-c", code, *given], check=False, timeout=120, **GROUP)
    assert (done.returncode, done.stderr) == (130, b"")


def test_who_reads_the_rows_may_go_away(video, tmp_path):
    with started("fix", video, tmp_path / "out.mp4", "--offset", "100") as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(120)
    assert process.returncode == 0 and err == b"" and (tmp_path / "out.mp4").exists()


def test_names_that_are_no_utf8_come_out_as_they_are(video, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    shutil.copy(video, os.fsdecode(name))
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}  # as it is everywhere but in the C locale
    with started("fix", os.fsdecode(name), tmp_path / "out.mp4", "--offset", "100", env=strict) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and out.startswith(name + b": moved by timestamps") and err == b""
