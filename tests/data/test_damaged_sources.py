"""Damaged files among good ones: each gets its row, none is kept in part, and every good one is kept."""

import csv
import json
import sys
from pathlib import Path

import pytest

from avsync.data.clips import Settings
from avsync.data.preparation import prepare
from avsync.data.sources import Source
from avsync.synthetic.generate import generate_talkers

sys.path.insert(0, str(Path(__file__).parent.parent / "media"))
from damaged import GOOD, draw_corpus  # noqa: E402


@pytest.mark.slow
def test_damaged_files_leave_a_row_and_good_ones_are_kept(tmp_path):
    talker = generate_talkers(tmp_path / "drawn", train=1, seconds=2.6, quiet=True) / "train" / "train-00000.mkv"
    folder = tmp_path / "in"
    expected = draw_corpus(folder, 200, source=talker)
    sources = [Source(folder / name, name) for name in expected]
    out = prepare(sources, tmp_path / "out", Settings(), workers=2, progress=False)
    rows = {row["source"]: row for row in json.loads((out / "summary.json").read_text())["rows"]}
    with (out / "failures.csv").open(newline="") as stream:
        failures = {row["source"]: row["reason"] for row in csv.DictReader(stream)}
    assert set(rows) == set(expected)
    wrong = {
        name: failures.get(name, "kept") for name in expected if (name not in failures) != (expected[name] == GOOD)
    }
    assert not wrong
    assert all(failures.values()) and not any("\n" in reason for reason in failures.values())
    for name, row in rows.items():
        assert row["seconds_in"] == pytest.approx(row["seconds_kept"] + sum(row["seconds_dropped"].values()), abs=0.01)
        assert row["seconds_in"] < 60, f"{name}: what its header claims is no footage"
