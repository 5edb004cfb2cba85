"""Tensors of released files as short tables: a pattern of names and a shape a line."""

from __future__ import annotations

import re


def tensors(table: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all lines: {a,b} is a or b, #3 is 0, 1 or 2; a line without a shape is a number."""
    state = {}
    for line in table.strip().split("\n"):
        pattern, *shape = line.split()
        state |= {name: tuple(map(int, shape[0].split("x"))) if shape else () for name in expanded(pattern)}
    return state


def expanded(pattern: str) -> list[str]:
    choice = re.search(r"\{([^}]*)\}", pattern)
    count = re.search(r"#(\d+)", pattern)
    if choice:
        parts = [pattern[: choice.start()] + one + pattern[choice.end() :] for one in choice[1].split(",")]
    elif count:
        parts = [pattern[: count.start()] + str(n) + pattern[count.end() :] for n in range(int(count[1]))]
    else:
        return [pattern]
    return [name for part in parts for name in expanded(part)]
