"""Which avsync this is."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The version of this package, which may lie in a folder that was not installed."""
    try:
        return version("avsync")
    except PackageNotFoundError:
        return "from a folder that was not installed"
