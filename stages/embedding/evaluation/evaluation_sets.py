"""Similarity and analogy sets: those that come with gensim, and the user's own."""

import csv
import unicodedata
from collections.abc import Collection
from pathlib import Path

import pandas as pd
from gensim.test.utils import datapath

from stages.core.errors import StageError

# Tab-separated files: word, word, score that people gave; # starts a comment.
SIMILARITY_SETS = {
    "WordSim-353": "wordsim353.tsv",  # Finkelstein et al. 2001: relatedness
    "SimLex-999": "simlex999.txt",  # Hill et al. 2015: similarity
}
# Mikolov et al. 2013: a is to b as c is to d, divided into sections.
ANALOGIES = "questions-words.txt"
PAIR_COLUMNS = ["word_a", "word_b", "score"]
ANALOGY_COLUMNS = ["a", "b", "c", "d"]
SECTION = "section"


def similarity_sets(own: Path, known: Collection[str]) -> dict[str, pd.DataFrame]:
    """Return the similarity sets by name, with the columns word_a, word_b and score.

    Args:
        own: folder of the user's own sets.
        known: words of the vocabulary; words that it lacks are converted to lower case.
    """
    read = {}
    for name, file in SIMILARITY_SETS.items():
        read[name] = pd.read_csv(
            datapath(file), sep="\t", comment="#", header=None, names=PAIR_COLUMNS
        )
    read |= _user_sets(own, PAIR_COLUMNS)
    sets = {name: _normalize(table, PAIR_COLUMNS[:2], known) for name, table in read.items()}
    # Every model finds a word identical to itself.
    return {name: table[table["word_a"] != table["word_b"]] for name, table in sets.items()}


def analogy_sets(own: Path, known: Collection[str]) -> dict[str, pd.DataFrame]:
    """Return the analogy sets by name, with the columns a, b, c, d and section.

    Args:
        own: folder of the user's own sets.
        known: words of the vocabulary; words that it lacks are converted to lower case.
    """
    rows, section = [], ""
    for line in Path(datapath(ANALOGIES)).read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = line[1:].strip()
        else:
            rows.append([*line.split(), section])
    read = {"analogies": pd.DataFrame(rows, columns=[*ANALOGY_COLUMNS, SECTION])}
    read |= _user_sets(own, ANALOGY_COLUMNS)
    sets = {}
    for name, table in read.items():
        with_section = table if SECTION in table else table.assign(**{SECTION: name})
        sets[name] = _normalize(with_section, ANALOGY_COLUMNS, known)
    return sets


def _normalize(table: pd.DataFrame, words: list[str], known: Collection[str]) -> pd.DataFrame:
    """Return a set with words spelled as in the corpus, without duplicate questions."""

    def spell(word: str) -> str:
        word = unicodedata.normalize("NFC", word.strip())
        return word if word in known else word.lower()

    spelled = {name: table[name].map(spell) for name in words}
    return table.assign(**spelled).drop_duplicates(words, ignore_index=True)


def _user_sets(folder: Path, columns: list[str]) -> dict[str, pd.DataFrame]:
    """Return the CSV files of a folder that have the given columns, by their names.

    Raises:
        StageError: a file has neither the columns of pairs nor those of analogies, an empty cell,
            or a score that is not a number.
    """
    sets = {}
    for path in sorted(folder.glob("*.csv")):
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, strict=True)
                names = reader.fieldnames or []
                rows = [{"line": reader.line_num, **row} for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise StageError(f"{path} is not a CSV file in UTF-8: {error}") from None
        kinds = [kind for kind in (PAIR_COLUMNS, ANALOGY_COLUMNS) if set(kind) <= set(names)]
        if not kinds:
            raise StageError(
                f"{path} has the columns {', '.join(names) or '(none)'}: name them "
                f"{', '.join(PAIR_COLUMNS)} for pairs, or {', '.join(ANALOGY_COLUMNS)} (section is "
                "optional) for analogies"
            )
        if kinds[0] != columns:
            continue
        for row in rows:
            if None in row or not all(row[name] and row[name].strip() for name in columns):
                raise StageError(
                    f"{path}: line {row['line']} has an empty cell or more cells than the first "
                    "line: give it one value per column"
                )
            if columns == PAIR_COLUMNS:
                try:
                    row["score"] = float(row["score"])
                except ValueError:
                    raise StageError(
                        f"{path}: the score '{row['score']}' in line {row['line']} is not a number"
                    ) from None
        sets[path.stem] = pd.DataFrame(rows, columns=[*names])
    return sets
