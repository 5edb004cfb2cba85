"""Rows as programs read them, held to the schemas that the package carries."""

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = files("avsync") / "schemas"


def check_row(verb: str, row: dict[str, Any]) -> None:
    """Raise a ValidationError that names the place unless ``row`` is what ``schemas/VERB.json`` says.

    Args:
        verb: ``error`` for the row of a file that could not be used.
        row: As the verb gives it, before or after it was written.
    """
    schema = json.loads((SCHEMAS / f"{verb}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    written = json.loads(json.dumps(row, allow_nan=False))  # tuples become lists; NaN is no JSON
    Draft202012Validator(schema).validate(written)
