"""A live source as people watch it: a pipe, standard input, a URL; drawn mouths with known offsets."""

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from avsync import cli
from avsync.alignment import live as watching
from avsync.alignment.live import Watching, watch
from avsync.alignment.measure import Piece
from avsync.media.sound import Waveform
from avsync.models.shipped import load
from conftest import ROOT
from live import changing_mouth, mouth_file, piped
from rows import check_row


@pytest.fixture(scope="module")
def checkpoint(mouth_run):
    return str(mouth_run / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def readings(checkpoint):
    """Watch a source of crops and give all its readings."""
    loaded = load(checkpoint)

    def run(source, **how):
        return list(watch(source, loaded.net, loaded.calibration, Watching(crop="none", **how)))

    return run


@pytest.fixture
def said(checkpoint, capsys):
    """Run ``avsync watch`` and give (status, rows, stderr)."""

    def run(*arguments):
        given = ["watch", *map(str, arguments), "--checkpoint", checkpoint, "--crop", "none", "--json"]
        status = cli.main(given)
        out = capsys.readouterr()
        return status, [json.loads(line) for line in out.out.splitlines()], out.err

    return run


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
@pytest.mark.parametrize("early", [-0.2, 0.0, 0.28])
def test_a_pipe_gives_the_known_offset_a_line_a_second(said, tmp_path, suffix, early):
    path = mouth_file(tmp_path / f"mouth.{suffix}", seconds=6.0, early=early)
    with piped(tmp_path, path.read_bytes()) as pipe:
        status, rows, err = said(pipe)
    assert status == 0 and err == ""
    for row in rows:
        check_row("watch", row)
    times = [row["time"] for row in rows]
    assert len(rows) == pytest.approx(6, abs=1) and np.allclose(np.diff(times[:-1]), 1.0)
    assert abs(rows[-1]["offset_ms"] - 1000 * early) <= 20 and rows[-1]["chance"] > 0.9
    assert all(row["dropped_ms"] == 0 and row["segment"] == 0 for row in rows)


def test_words_for_people(checkpoint, capsys, tmp_path):
    path = mouth_file(tmp_path / "mouth.mkv", early=0.2)
    assert cli.main(["watch", str(path), "--checkpoint", checkpoint, "--crop", "none", "--every", "2"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"checkpoint: {checkpoint}" and len(lines) in (2, 3)
    assert "audio leads video by" in lines[-1] and "(+5 frames), confidence" in lines[-1]


def test_a_change_of_the_offset_is_followed_within_the_window(readings, tmp_path):
    path = changing_mouth(tmp_path / "change.ts", early=0.24, seconds=8.0)
    with piped(tmp_path, path.read_bytes()) as pipe:
        found = readings(pipe, window=4.0)
    answers = {round(one.time): one.best.estimate.offset for one in found if one.best and one.best.estimate}
    assert all(abs(answers[t]) <= 0.02 for t in (4, 5, 6, 7, 8))
    assert all(abs(answers[t] - 0.24) <= 0.02 for t in (12, 13, 14, 15))


def test_a_leap_of_the_timestamps_begins_anew(readings, tmp_path):
    parts = [mouth_file(tmp_path / f"{seed}.ts", seed, 5.0, early) for seed, early in ((320, 0.0), (321, 0.4))]
    with piped(tmp_path, b"".join(part.read_bytes() for part in parts)) as pipe:
        found = readings(pipe)
    last = {one.segment: one for one in found}
    assert [round(one.best.estimate.offset, 2) for one in last.values()] == [
        pytest.approx(0.0, abs=0.02), pytest.approx(0.4, abs=0.02)
    ]  # fmt: skip
    times = [one.time for one in found]
    assert times == sorted(times) and times[-1] == pytest.approx(10, abs=0.5)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_url(said, tmp_path):
    mouth_file(tmp_path / "mouth.ts", early=0.12)
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/mouth.ts"
        status, rows, _ = said(url)
        absent = said(url + "x")
        server.shutdown()
    assert status == 0 and abs(rows[-1]["offset_ms"] - 120) <= 20
    assert absent[0] == 2 and absent[1] == [] and absent[2].count("\n") == 1


def test_what_cannot_be_watched_is_one_line_and_status_2(said, tmp_path):
    for source, words in ((tmp_path / "absent", "no such"), (tmp_path, "folder")):
        status, rows, err = said(source)
        assert status == 2 and rows == [] and err.startswith("avsync: ") and err.count("\n") == 1 and words in err
    for wrong in ("0", "-1", "x"):
        with pytest.raises(SystemExit):
            cli.main(["watch", "-", "--every", wrong])


def test_a_machine_that_is_too_slow_drops_pictures_and_says_so(readings, tmp_path, monkeypatch):
    looked = watching.resized

    def slowly(picture, size):
        threading.Event().wait(0.08)  # half as fast as the pictures come
        return looked(picture, size)

    monkeypatch.setattr(watching, "resized", slowly)
    monkeypatch.setattr(watching, "MOST_BEHIND", 0.6)
    monkeypatch.setattr(watching, "CAUGHT_UP", 0.1)
    path = mouth_file(tmp_path / "mouth.ts", seconds=5.0)
    with piped(tmp_path, path.read_bytes(), seconds=5.0) as pipe:
        found = readings(pipe)
    assert (
        sum(one.dropped for one in found) > 1.0
    )  # how far behind it was when it spoke is the feeding pipe's doing as well
    assert found[-1].time == pytest.approx(5, abs=0.5) and abs(found[-1].best.estimate.offset) <= 0.02


def test_memory_is_that_of_the_window(checkpoint):
    loaded = load(checkpoint)
    frames = np.zeros((watching.PIECE, loaded.net.face_size, loaded.net.face_size, 3), np.uint8)
    last = watching._Last(loaded.net, None, Watching(window=2.0))
    segment = type("Segment", (), {"sound": Waveform()})()
    for piece in range(40):
        k = piece * watching.PIECE
        last.add(Piece(0, k / 25, frames))
        segment.sound.put(640 * k, np.zeros(640 * watching.PIECE, np.float32))
        last.results(k + watching.PIECE - 1, segment)
    assert len(last._seen[0].video) <= 50 and sum(map(len, segment.sound._held)) <= 640 * (50 + 2 * 15 + watching.PIECE)


def started(checkpoint, **given):
    command = [sys.executable, "-m", "avsync", "watch", "-", "--crop", "none", "--checkpoint", checkpoint]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **given
    )


@pytest.mark.slow
def test_standard_input_and_ctrl_c(checkpoint, tmp_path):
    data = mouth_file(tmp_path / "mouth.ts", seconds=4.0, early=0.2).read_bytes()
    with started(checkpoint) as process:
        process.stdin.write(data)
        process.stdin.flush()  # and it stays open: a live source
        lines = [process.stdout.readline().decode() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert lines[0].startswith("checkpoint: ") and "audio leads video by" in lines[3]
    assert process.returncode == 130 and err == b""


@pytest.mark.slow
def test_who_reads_the_lines_may_go_away(checkpoint, tmp_path):
    data = mouth_file(tmp_path / "mouth.ts", seconds=6.0).read_bytes()
    with started(checkpoint, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        process.stdout.close()
        try:
            process.stdin.write(data)
            process.stdin.close()
        except BrokenPipeError:
            pass
        err = process.stderr.read()
        process.wait(60)
    assert process.returncode == 0 and err == b""
