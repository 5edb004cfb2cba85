"""The networks and their checkpoints. Called, ``avsync.models()`` names the checkpoints that ship."""

import sys
from pathlib import Path
from types import ModuleType

PRETRAINED = Path(__file__).parent.parent / "pretrained"
"""NAME/model.safetensors and NAME/README.md, its model card, for every checkpoint in the package."""

WEIGHTS, CARD = "model.safetensors", "README.md"


def names() -> list[str]:
    """Names of checkpoints that :func:`avsync.load` takes and that came with the package, sorted."""
    return sorted(path.parent.name for path in PRETRAINED.glob(f"*/{WEIGHTS}"))


class _Models(ModuleType):
    """A package that can be called, since it has the name that people ask for."""

    def __call__(self) -> list[str]:
        """The same as :func:`names`."""
        return names()


sys.modules[__name__].__class__ = _Models
