"""Errors a person is meant to read: one line that says what was given, what was expected and what to do."""


class AvsyncError(Exception):
    """Base of every error that a command prints as one line and turns into exit status 2."""


class MediaError(AvsyncError):
    """A file cannot be read as the picture or sound that was asked of it."""


class NoFaceError(AvsyncError):
    """A video in which no face could be followed for long enough to measure anything."""
