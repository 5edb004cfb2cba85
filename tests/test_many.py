"""Many files: a row for each, none twice, none lost, whatever happens to a file, a process or the run."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from avsync import cli
from avsync.cli.inputs import add_inputs, each, settings_of
from avsync.cli.listed import listed, named
from avsync.cli.pool import _Worker, here, spread
from avsync.cli.results import Results
from avsync.cli.targets import targets
from avsync.errors import AvsyncError
from errands import errand, mended
from mouths import film_mouth
from rows import check_row


def untold(file: str, share: float) -> None:
    pass


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def names(tmp_path):
    """Paths of files that are not there: errands go by the name."""
    return lambda *names: [str(tmp_path / name) for name in names]


def test_processes_that_die_hang_or_fail_cost_the_others_nothing(names, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    files = names("1", "dies", "2", "hangs", "bad", "faulty", "crowded", *"345678")
    rows = {Path(row["file"]).name: row for row in spread(errand, files, 2, 3.0, untold)}
    assert len(rows) == len(files)
    told = {name: row["error"] for name, row in rows.items() if "error" in row}
    assert set(told) == {"dies", "hangs", "bad", "faulty"}
    assert "died, twice" in told["dies"] and "nothing came from it for 3 s" in told["hangs"]
    assert "damaged" in told["bad"] and "ValueError: not foreseen" in told["faulty"]
    for name, error in told.items():
        check_row("error", rows[name])
        assert "\n" not in error and name in error
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert rows["1"]["threads"] == str(share) and rows["1"]["process"] != os.getpid()


def test_slow_is_not_hung(names):
    heard = []
    (row,) = spread(errand, names("slow"), 1, 0.8, lambda file, share: heard.append(share))
    assert "error" not in row and heard == [0, 0.2, 0.4, 0.6, 0.8]
    (row,) = here(errand, names("slow"), 0.1, untold)
    assert "nothing came from it" in row["error"] and row["error"].endswith("raise --deadline")


def test_one_file_after_the_other_has_the_same_rows_for_what_goes_wrong(names, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    files = names("bad", "faulty", "1")
    rows = list(here(errand, files, 9.0, untold))
    assert [row.get("error") for row in rows] == [row.get("error") for row in spread(errand, files, 1, 9.0, untold)]
    assert "ValueError: not foreseen; a fault of avsync's" in rows[1]["error"] and rows[2]["file"] == files[2]


def test_a_process_that_dies_between_two_files_costs_none(names):
    worker = _Worker(errand, 1)
    wait([worker.pipe])
    assert worker.listen(untold) is None  # it is ready
    worker._process.kill()
    worker._process.join()
    worker.give(names("1")[0])  # nobody takes it, which is no pipe of ours that was closed
    assert worker.listen(untold) == {"error": "died"}
    worker.end()


def test_no_process_is_left_when_somebody_stops_listening(names):
    rows = spread(errand, names(*"123456"), 2, 0.0, untold)
    process = next(rows)["process"]
    rows.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_what_was_half_written_is_taken_away_when_it_is_stopped(names, tmp_path):
    def stopped(file: str, share: float) -> None:
        assert any(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(spread(errand, names("writes", "writes too"), 2, 9.0, stopped))
    assert list(tmp_path.iterdir()) == []


def options(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_inputs(parser)
    parser.add_argument("--strength", default="1")
    return parser.parse_args([str(argument) for argument in arguments])


def test_rows_go_to_the_file_and_a_second_run_has_nothing_to_do(names, tmp_path, capsys):
    out = tmp_path / "rows.jsonl"
    files = names("1", "bad", "2", "1", "3")  # one of them twice
    given = options(*files, "--out", out, "--workers", "2")
    assert each(given, errand, str) == 2
    said = capsys.readouterr()
    assert sorted(row["file"] for row in rows_of(out)) == sorted(set(files))
    assert "4 files, 1 of them could not be used" in said.out and said.err.count("\n") == 1
    before = out.read_bytes()
    assert each(given, errand, str) == 2 and out.read_bytes() == before
    more = options(*files, *names("4"), "--out", out)
    assert each(more, errand, str) == 2 and len(rows_of(out)) == 5


def test_what_could_not_be_used_is_tried_again_when_that_is_asked_for(names, tmp_path):
    out = tmp_path / "rows.jsonl"
    good, bad = names("1", "bad")
    each(options(good, bad, "--out", out), errand, str)
    (done,) = (line for line in out.read_bytes().splitlines() if b"error" not in line)

    again = options(good, bad, "--out", out)
    assert each(again, mended, str) == 2 and len(rows_of(out)) == 2
    again.retry = True
    assert each(again, mended, str) == 0
    assert out.read_bytes().splitlines()[0] == done and "process" in rows_of(out)[1] and len(rows_of(out)) == 2
    with Results(out, settings_of(again)), pytest.raises(AvsyncError, match="another run"):
        each(again, mended, str)
    with pytest.raises(AvsyncError, match="--retry takes up"):
        each(options(good, "--retry"), errand, str)


def test_the_half_line_that_a_kill_left_is_done_again(names, tmp_path):
    out = tmp_path / "rows.jsonl"
    each(options(*names(*"123"), "--out", out), errand, str)
    whole = out.read_bytes()
    out.write_bytes(whole[:-10])
    each(options(*names(*"123"), "--out", out), errand, str)
    assert sorted(Path(row["file"]).name for row in rows_of(out)) == ["1", "2", "3"]


def test_other_settings_do_not_mix(names, tmp_path):
    out = tmp_path / "rows.jsonl"
    each(options(*names("1"), "--out", out), errand, str)
    with pytest.raises(AvsyncError, match="strength 1, this run has 2"):
        each(options(*names("2"), "--out", out, "--strength", "2"), errand, str)
    each(options(*names("2"), "--out", out, "--workers", "1", "--deadline", "9"), errand, str)  # how fast is no setting
    assert len(rows_of(out)) == 2


@pytest.mark.parametrize("option", ["checkpoint", "lse"])
def test_weights_that_were_written_anew_are_other_settings(tmp_path, option):
    weights = tmp_path / "best.ckpt"
    weights.write_bytes(b"before")
    before = settings_of(argparse.Namespace(**{option: str(weights)}))
    assert settings_of(argparse.Namespace(**{option: str(weights)})) == before
    weights.write_bytes(b"after")
    assert settings_of(argparse.Namespace(**{option: str(weights)})) != before


def test_what_is_no_file_of_rows_is_left_alone(tmp_path):
    for text in ("a letter\n", '{"file": 3}\n', "[1]\n"):
        out = tmp_path / "letter.jsonl"
        out.write_text(text)
        with pytest.raises(AvsyncError, match=r"give another --out"):
            Results(out, {})
        (tmp_path / "letter.jsonl.settings.json").write_text("{}")
        with Results(out, {}) as results, pytest.raises(AvsyncError, match="line 1 is no row"):
            list(results.rows())
        (tmp_path / "letter.jsonl.settings.json").unlink()
        assert out.read_text() == text
    with pytest.raises(AvsyncError, match="cannot be written"):
        Results(tmp_path / "nowhere" / "rows.jsonl", {})


def test_two_runs_do_not_write_one_file(tmp_path):
    with (
        Results(tmp_path / "rows.jsonl", {}),
        pytest.raises(AvsyncError, match="another run is writing it"),
    ):
        Results(tmp_path / "rows.jsonl", {})


def test_files_folders_and_lists(tmp_path, monkeypatch):
    folder = tmp_path / "videos" / "deeper"
    folder.mkdir(parents=True)
    for name in ("b.mp4", "a.MKV", "notes.txt", "._b.mp4", os.fsdecode(b"\xff.mp4")):
        (folder / name).touch()
    table = tmp_path / "list.txt"
    table.write_bytes(b"one.mp4\r\n\n" + os.fsencode(folder) + b"\n\xfe name .mp4\n")
    found = [Path(file).name for file in listed(["zero.mp4"], str(table))]
    assert found == ["zero.mp4", "one.mp4", "a.MKV", "b.mp4", "\udcff.mp4", "\udcfe name .mp4"]
    with table.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert len(listed([], "-")) == 5
    (tmp_path / "empty").mkdir()
    for suffix in (".mxf", ".MTS", ".m2ts", ".wmv", ".3gp"):
        (tmp_path / "empty" / f"a{suffix}").touch()
    assert len(listed([str(tmp_path / "empty")])) == 5
    shutil.rmtree(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    for given, words in (
        (([], None), "no file was given"), (([str(tmp_path / "empty")], None), "no video in this folder"),
        (([], "absent.txt"), "absent.txt: cannot be read"),
    ):  # fmt: skip
        with pytest.raises(AvsyncError, match=words):
            listed(*given)


def test_what_is_made_of_files_of_a_folder_keeps_their_paths(tmp_path):
    for name in ("a/x.mp4", "b/x.mp4", "made/a/x.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        (tmp_path / "in" / name).touch()
    folder, out = str(tmp_path / "in"), str(tmp_path / "in" / "made")
    files = named([folder, f"{folder}/b/../b/x.mp4"], apart=out)  # what was made before is not made anew
    assert list(files.values()) == ["a/x.mp4", "b/x.mp4"]
    assert set(targets(files, out, "OUT", ".html").values()) == {f"{out}/a/x.mp4.html", f"{out}/b/x.mp4.html"}
    assert len(named([folder])) == 3 and len(named([folder], apart=folder)) == 3
    assert targets(files, None, "OUT") == {}
    with pytest.raises(AvsyncError, match=r"lies in .*made/a, for what is made"):
        named([out], apart=f"{out}/a")


def test_two_results_in_one_place_are_refused_before_anything_is_done(tmp_path):
    files = named([str(tmp_path / "a" / "x.mp4"), str(tmp_path / "b" / "x.mp4")])
    with pytest.raises(AvsyncError, match=r"a/x.mp4 and .*b/x.mp4 would both be written to .*/x.mp4; "):
        targets(files, str(tmp_path), "OUT")
    with pytest.raises(AvsyncError, match=r"--page p.html: is no folder; for 2 files give a folder"):
        targets(files, "p.html", "--page")
    (tmp_path / "a").touch()
    with pytest.raises(AvsyncError, match="cannot be made"):
        targets({"1.mp4": "a/1.mp4"}, str(tmp_path), "OUT")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A folder of 60 files, three of them damaged, and how the command is told to measure it."""
    folder = tmp_path_factory.mktemp("mixed")
    kept = folder / ".kept"
    kept.mkdir()
    for seed in range(4):
        film_mouth(kept / f"{seed}.mp4", 500 + seed, seconds=1.0)
    for number in range(57):
        os.link(kept / f"{number % 4}.mp4", folder / f"{number:03d}.mp4")
    whole = (kept / "0.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "page.mp4").write_text("<html>404 Not Found</html>" * 50)
    (folder / "empty.mkv").touch()
    shutil.rmtree(kept)
    return folder


def command(folder: Path, out: Path) -> list[str]:
    told = ["--checkpoint", "syncnet", "--crop", "none", "--workers", "2", "--out", str(out)]
    return [sys.executable, "-m", "avsync", "offset", str(folder), *told]


@pytest.mark.slow
def test_killed_twice_and_resumed(mixed, tmp_path):
    out = tmp_path / "rows.jsonl"
    for enough in (15, 35):
        process = subprocess.Popen(command(mixed, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < enough):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert enough <= len(rows_of(out)) < 60, "killed in the middle"
        with out.open("ab") as stream:
            stream.write(b'{"file": "cut off')
    done = subprocess.run(command(mixed, out), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "60 files, 3 of them could not be used" in done.stdout
    rows = rows_of(out)
    assert sorted(row["file"] for row in rows) == sorted(map(str, mixed.iterdir()))
    for row in rows:
        check_row("error" if "error" in row else "offset", row)
    assert sum("error" in row for row in rows) == 3


def test_rows_of_the_command_are_those_of_one_file_after_the_other(mixed, tmp_path, capsys):
    files = [str(mixed / name) for name in ("000.mp4", "001.mp4", "cut.mp4")]
    told = ["--checkpoint", "syncnet", "--crop", "none"]
    assert cli.main(["offset", *files, *told, "--json"]) == 2
    said = capsys.readouterr()
    plain = [json.loads(line) for line in said.out.splitlines()]
    out = tmp_path / "rows.jsonl"
    assert cli.main(["offset", *files, *told, "--out", str(out), "--workers", "1"]) == 2
    rows = rows_of(out)
    assert rows == plain and said.err == f"avsync: {rows[2]['error']}\n"
    for row, verb in zip(plain, ("offset", "offset", "error"), strict=True):
        check_row(verb, row)
