"""Measure reading chorales from MusicXML: ours against music21's parser on the same files.

`python -m benchmarks.chorales` reads every twelfth chorale both ways and prints the ratio;
`--every` chooses fewer or more.
"""

import argparse
import time

import music21

from stages.core.raw import find_in_package
from stages.music.sources.musicxml import read_musicxml


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=12)
    everything = sorted(find_in_package("music21", "corpus/bach").glob("*.mxl"))
    files = everything[:: parser.parse_args().every]
    start = time.perf_counter()
    for path in files:
        read_musicxml(path.read_bytes())
    ours = (time.perf_counter() - start) / len(files)
    start = time.perf_counter()
    for path in files:
        # A converter keeps what it parsed; forceSource reads the file itself.
        score = music21.converter.parse(path, forceSource=True)
        for part in score.parts:
            joined = part.stripTies()
            [
                (note.getOffsetInHierarchy(joined), note.quarterLength, pitch.midi)
                for note in joined.recurse().notes
                for pitch in note.pitches
            ]
    theirs = (time.perf_counter() - start) / len(files)
    print(f"ours:    {1000 * ours:6.1f} ms a chorale, {len(everything) * ours:5.1f} s for all")
    print(f"music21: {1000 * theirs:6.1f} ms a chorale, {len(everything) * theirs:5.1f} s for all")
    print(f"ratio:   {theirs / ours:6.1f}")


if __name__ == "__main__":
    main()
