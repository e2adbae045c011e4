"""Errors that the user can fix."""


class StageError(Exception):
    """A failure whose message is one sentence: the file, row or key, and what to do."""
