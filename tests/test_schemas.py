"""The schemas themselves: valid, told apart from each other, and as strict as a stable format needs."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

from rows import SCHEMAS, check_row

NAMES = sorted(path.name.removesuffix(".json") for path in SCHEMAS.iterdir() if path.name.endswith(".json"))
LIVE = {"watch"}
"""Many rows for one source, which is no file."""
ANSWER = {"offset_ms": 120.5, "offset_frames": 3, "at_edge": False, "confidence": 0.41, "chance": 0.97}
TRACK = {"id": 0, "start": 0.0, "end": 4.0, **ANSWER, "weight": 1.0, "windows": []}
OFFSET = {
    "file": "talk.mp4", "checkpoint": "syncnet", **ANSWER, "verdict": "audio leads", "search_ms": 1000,
    "tracks": [TRACK],
}  # fmt: skip
WINDOW = {"time": 0.3, "offset_ms": 118.0, "confidence": 0.2}


def objects(schema):
    """Every object that a schema describes."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)


def test_there_are_some():
    assert {"offset", "error"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_says_what_every_row_has(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema") and schema["title"]
    if name not in LIVE:
        assert "file" in schema["required"]  # what a resumed run goes by
    for part in objects(schema):
        assert part["additionalProperties"] is False, "a field that nobody wrote down is not stable"


def test_rows_that_are_right_pass():
    check_row("offset", OFFSET)
    check_row("offset", OFFSET | dict.fromkeys(ANSWER))
    check_row("offset", OFFSET | {"tracks": [TRACK | {"windows": [WINDOW]}]})
    check_row("error", {"file": "page.mp4", "error": "page.mp4: is a text file, not a video; get the video itself"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "fine"}, {"offset_ms": "120"}, {"chance": 1.2}, {"tracks": []}, {"novel": 1},
        {"tracks": [TRACK | {"windows": [{**WINDOW, "frames": 3}]}]}, {"tracks": [{**TRACK, "id": 0.5}]},
    ],
    ids=str,
)  # fmt: skip
def test_rows_that_are_wrong_do_not(wrong):
    with pytest.raises(ValidationError):
        check_row("offset", OFFSET | wrong)
    with pytest.raises(ValidationError):
        check_row("error", OFFSET)
    with pytest.raises(ValueError, match="JSON"):
        check_row("offset", OFFSET | {"confidence": float("nan")})
