"""The study of rounds counts what it says it counts."""

import sys

import pytest

from conftest import ROOT


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    monkeypatch.delitem(sys.modules, "rounds", raising=False)
    import rounds

    return rounds


TRUTH = {
    "a": (None, 0), "b": (None, 0), "c": ("shifted", 5), "d": ("shifted slightly", -2), "e": ("shifted", -7),
    "f": ("dubbed", 0), "g": ("silence", 0),
}  # fmt: skip
VERDICTS = {
    "a": ("keep", 0, ""), "b": ("drop", 3, "shifted by +3 frames: audio leads"),
    "c": ("corrected", 5, "shifted by +5 frames: audio leads"), "d": ("keep", -1, ""),
    "e": ("corrected", -6, "shifted by -6 frames: audio lags"),
    "f": ("drop", 9, "no match: another voice"), "g": ("drop", 0, "silence"),
}  # fmt: skip


def test_precision_and_recall_by_kind(study):
    truth = {key: {"damage": damage, "damage_frames": frames} for key, (damage, frames) in TRUTH.items()}
    rows = [{"key": key, "verdict": v, "offset": o, "reason": reason} for key, (v, o, reason) in VERDICTS.items()]
    lines = study.finding([rows], truth)
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    recall = dict(zip(tables[0], tables[2], strict=True))
    # dropped or corrected: b c e f g, of which b is clean; of c d e f g that are damaged d is kept
    assert (recall["not kept"], recall["precision"], recall["recall"]) == ("5", "0.800", "0.800")
    assert [recall[kind] for kind in ("dubbed", "shifted slightly", "shifted", "silence")] == [
        "1.000", "0.000", "1.000", "1.000"
    ]  # fmt: skip
    assert "wrong face" not in recall  # the set has none
    precision = dict(zip(tables[3], tables[5], strict=True))
    assert precision["says shifted"] == "0.667 of 3" and precision["says no match"] == "1.000 of 1"
    assert precision["says silence"] == "1.000 of 1" and precision["says still face"] == "– of 0"
    assert precision["corrected, exactly"] == "1 of 2"
