"""What goes wrong in a way its reader can mend."""


class StageError(Exception):
    """A failure told in one sentence that names the file, row or key and what to do."""
