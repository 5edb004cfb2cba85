"""``avsync fix`` on many files: each written to a place of its own, once, whatever happens to the run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from avsync import cli
from avsync.media.remux import shift_audio
from avsync.media.write import write_video
from mouths import draw_mouth, film_mouth
from rows import check_row


@pytest.fixture(scope="module")
def mouth(tmp_path_factory):
    return film_mouth(tmp_path_factory.mktemp("mouth") / "mouth.mp4", 700, seconds=2.0)


@pytest.fixture
def clips(mouth, tmp_path):
    """A folder with three files, two of them of one name."""
    for name in ("a/x.mp4", "b/x.mp4", "y.mp4"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(mouth, tmp_path / "clips" / name)
    (tmp_path / "fixed").mkdir()
    return tmp_path / "clips"


@pytest.fixture
def fix(capsys):
    """Run ``avsync fix`` by a known offset, unless told otherwise, and give (status, rows, stderr)."""

    def run(*arguments, how=("--offset", "100")):
        status = cli.main(["fix", *map(str, arguments), *how, "--json"])
        said = capsys.readouterr()
        rows = [json.loads(line) for line in said.out.splitlines()]
        for row in rows:
            check_row("error" if "error" in row else "fix", row)
        return status, rows, said.err

    return run


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_keeps_its_paths(fix, clips):
    status, rows, _ = fix(clips, clips.parent / "fixed", "--force")
    assert status == 0 and {row["action"] for row in rows} == {"shifted"}
    assert files_in(clips.parent / "fixed") == {"a/x.mp4", "b/x.mp4", "y.mp4"}


def test_nothing_is_written_where_two_would_be_one(fix, clips):
    out = clips.parent / "out.mp4"
    for given, words in (
        ([clips, out], "is no folder; for 3 files give a folder"),
        ([clips], "give FILE and OUT"),
        ([clips, out, "--force"], "is no folder; for 3 files give a folder"),
        ([clips / "a" / "x.mp4", clips / "b" / "x.mp4", clips.parent / "fixed"], "would both be written to"),
    ):
        status, rows, err = fix(*given)
        assert (status, rows) == (2, []) and words in err and err.count("\n") == 1
    assert not out.exists() and files_in(clips.parent / "fixed") == set()


def test_what_was_fixed_into_a_folder_of_the_folder_is_not_fixed_again(fix, clips):
    (clips / "fixed").mkdir()
    for _ in range(2):
        _, rows, _ = fix(clips, clips / "fixed", "--force")
        assert len(rows) == 3
    assert files_in(clips / "fixed") == {"a/x.mp4", "b/x.mp4", "y.mp4"}


def test_an_unusable_file_is_told_even_where_another_is_undecided(fix, clips, tmp_path):
    silent = draw_mouth(701, seconds=2.0)
    write_video(tmp_path / "silent.mp4", silent.frames, np.zeros_like(silent.audio))
    measuring = ("--checkpoint", "syncnet", "--crop", "none")
    assert fix(tmp_path / "silent.mp4", tmp_path / "fixed", how=measuring)[0] == 3
    status, rows, err = fix(tmp_path / "silent.mp4", tmp_path / "absent.mp4", tmp_path / "fixed", how=measuring)
    assert status == 2 and rows[0]["action"] == "nothing" and "error" in rows[1] and err.count("\n") == 1


def test_a_list_workers_and_a_deadline(fix, clips, tmp_path):
    (tmp_path / "list.txt").write_text(f"{clips}\n{clips / 'y.mp4'}\n")
    out = tmp_path / "rows.jsonl"
    given = ["--list", tmp_path / "list.txt", tmp_path / "fixed", "--workers", "2", "--deadline", "500", "--out", out]
    status, rows, _ = fix(*given)
    assert status == 0 and rows == [] and len(rows_of(out)) == 3
    for row in rows_of(out):
        check_row("fix", row)
    assert files_in(tmp_path / "fixed") == {"a/x.mp4", "b/x.mp4", "y.mp4"}


def test_a_run_goes_on_and_nothing_is_fixed_twice(fix, clips, tmp_path):
    out, fixed = tmp_path / "rows.jsonl", tmp_path / "fixed"
    (fixed / "b").mkdir()
    (fixed / "b" / "x.mp4").write_text("mine")
    given = [clips, fixed, "--out", out, "--workers", "1"]
    assert fix(*given)[0] == 2
    assert sum("is there already" in row.get("error", "") for row in rows_of(out)) == 1
    times = {name: (fixed / name).stat().st_mtime_ns for name in files_in(fixed)}
    assert fix(*given)[0] == 2 and len(rows_of(out)) == 3  # all have a row
    assert {name: (fixed / name).stat().st_mtime_ns for name in files_in(fixed)} == times
    assert (fixed / "b" / "x.mp4").read_text() == "mine"
    lines = [line for line in out.read_text().splitlines() if json.loads(line)["file"] != str(clips / "y.mp4")]
    out.write_text("\n".join(lines) + "\n")  # as if killed when y was written and its row was not
    shutil.copy(clips / "y.mp4", clips / "z.mp4")
    (fixed / "z.mp4").write_text("mine")
    os.utime(fixed / "z.mp4", (0, 0))  # from before
    assert fix(*given)[0] == 2
    rows = {Path(row["file"]).name: row for row in rows_of(out)}
    assert len(rows_of(out)) == 4 and rows["y.mp4"]["action"] == "shifted" and "error" in rows["z.mp4"]
    assert (fixed / "z.mp4").read_text() == "mine"
    once = tmp_path / "once.mp4"
    shift_audio(clips / "y.mp4", once, 0.1)
    assert (fixed / "y.mp4").read_bytes() == once.read_bytes()


def test_without_its_rows_a_run_begins_anew_and_writes_over_nothing(fix, clips, tmp_path):
    out, fixed = tmp_path / "rows.jsonl", tmp_path / "fixed"
    given = [clips, fixed, "--out", out, "--workers", "1"]
    assert fix(*given)[0] == 0
    out.unlink()
    (fixed / "y.mp4").write_text("changed since")
    assert fix(*given)[0] == 2 and all("is there already" in row["error"] for row in rows_of(out))
    assert (fixed / "y.mp4").read_text() == "changed since"


def test_options_may_stand_between_names(fix, clips, tmp_path):
    status, (row,), _ = fix(clips / "y.mp4", "--offset", "100", tmp_path / "out.mp4", how=())
    assert status == 0 and row["file"] == str(clips / "y.mp4") and row["out"] == str(tmp_path / "out.mp4")
    with pytest.raises(SystemExit, match="2"):
        fix(clips / "y.mp4", "--ofset", "100", tmp_path / "more.mp4", how=())
    assert not (tmp_path / "more.mp4").exists()


@pytest.mark.slow
def test_killed_twice_and_resumed(mouth, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "fixed").mkdir()
    for number in range(100):
        os.link(mouth, tmp_path / "clips" / f"{number:02d}.mp4")
    out, once = tmp_path / "rows.jsonl", tmp_path / "once.mp4"
    shift_audio(mouth, once, 0.1)
    given = [sys.executable, "-m", "avsync", "fix", "clips", "fixed", "--offset", "100", "--workers", "2", "--out", out]
    for enough in (15, 45):
        process = subprocess.Popen(given, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < enough):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert enough <= len(rows_of(out)) < 100, "killed in the middle"
    assert subprocess.run(given, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    rows = rows_of(out)
    assert sorted(row["file"] for row in rows) == [f"clips/{number:02d}.mp4" for number in range(100)]
    assert all(row["action"] == "shifted" for row in rows)
    assert all((tmp_path / row["out"]).read_bytes() == once.read_bytes() for row in rows)
