"""Counts of what was lost or changed while files were read, with examples."""

from collections import Counter
from collections.abc import Callable

EXAMPLES = 10  # for each reason


class Losses:
    """Counts of what was skipped, cut or repaired while reading, by reason, with examples.

    Args:
        reasons: reasons that are counted even if there is no case.

    Attributes:
        counts: number of cases by reason.
        examples: messages about the first cases of each reason.
    """

    def __init__(self, *reasons: str) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(reasons, 0))
        self.examples: list[str] = []
        self._named: Counter[str] = Counter()

    def add(self, reason: str, place: str, what: str, number: int = 1) -> None:
        """Count `number` cases and keep the first as examples; `place` is the file and line."""
        self.counts[reason] += number
        self._named[reason] += 1
        if self._named[reason] <= EXAMPLES:
            self.examples.append(f"{place}: {what}")

    def of_lines(self, path: str) -> Callable[[str, int, int, str], None]:
        """Return a callback that counts lines of the file at `path`."""

        def note(reason: str, first: int, number: int, what: str) -> None:
            lines = f"line {first}" if number == 1 else f"lines {first}-{first + number - 1}"
            self.add(reason, f"{path} {lines}", what, number)

        return note
