"""Korean sentences and morphemes by Kiwi (Lee 2024)."""

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from stages.core.errors import StageError
from stages.text.sources.decode import Note, decoded
from stages.text.tokens.batch import Tokens, join_documents

_PUNCTUATION = "SF SP SS SSO SSC SE SO SW SB"
# Nouns, verbs, adjectives, adverbs, roots, interjections, foreign words, Chinese characters,
# addresses and emoticons: what is left when particles, endings and punctuation are dropped.
_CONTENT = (
    "NNG NNP NP NR VV VV-R VV-I VA VA-R VA-I MAG XR IC SL SH W_URL W_EMAIL W_HASHTAG W_MENTION "
    "W_SERIAL W_EMOJI UN"
)
CONTENT = frozenset(_CONTENT.split())
PUNCTUATION = frozenset(_PUNCTUATION.split())
# Runs of jamo (ㅋㅋㅋ, ㅠㅠ) and emoticons (^^, :), -_-) are single tokens, tagged W_EMOJI.
_EMOTICON = re.compile(
    r"[ㄱ-ㅎㅏ-ㅣ]{2,}|<(?:url|email|number)>|\^[_.oㅁㅇ-]?\^|[-=ㅡ][_.]+[-=ㅡ]|[TㅜㅠOo;>][_.][TㅜㅠOo;<]"
    r"|(?<![\w:;])[:;=8xX][-']?[)(DPp3](?!\w)|>[_.]?<|♡+|♥+|☆+|★+"
)


class Tokenizer:
    """Tokenizes batches of documents.

    Args:
        dictionary: user dictionary of Kiwi, one word per line: word, tab, tag.
        morphemes: morphemes to keep: `content`, those that carry meaning, or `all`.
        part_of_speech: whether a token ends with its tag, as in 영화/NNG.
        correct_typos: whether probable typing errors are corrected.
        correct_spacing: whether the spacing of words is corrected before the analysis.
        lowercase: whether Latin letters are converted to lower case.
        keep_punctuation: whether punctuation is kept if all morphemes are.
        workers: number of Kiwi's threads.

    Raises:
        StageError: a line of the dictionary is not word, tab, tag.
    """

    def __init__(
        self, dictionary: Path, morphemes: str, part_of_speech: bool, correct_typos: bool,
        correct_spacing: bool, lowercase: bool, keep_punctuation: bool, workers: int,
    ):  # fmt: skip
        # Imported here because it takes a second and 300 MB, and only Korean needs it.
        from kiwipiepy import Kiwi

        self._kiwi = Kiwi(num_workers=workers)
        try:
            # Kiwi reads only UTF-8 without a byte order mark; editors write other encodings, too.
            with dictionary.open("rb") as file, tempfile.NamedTemporaryFile() as plain:
                text = decoded(file, None, None, _refuse_lines(dictionary))
                plain.write(unicodedata.normalize("NFC", text.read()).encode())
                plain.flush()
                self._kiwi.load_user_dictionary(plain.name)
        except ValueError as error:
            raise StageError(
                f"{dictionary}: a line is not word, tab, tag ({error}): see the first lines"
            ) from None
        self._content_only = morphemes == "content"
        self._part_of_speech = part_of_speech
        self._typos = "basic" if correct_typos else None
        self._correct_spacing = correct_spacing
        self._lowercase = lowercase
        self._keep_punctuation = keep_punctuation

    def __call__(self, batches: Iterable[pa.Array]) -> Iterator[Tokens]:
        """Yield the tokens of each batch of texts; Kiwi processes later texts meanwhile."""
        sizes: list[int] = []

        def texts() -> Iterator[str]:
            for batch in batches:
                sizes.append(len(batch))
                spaced = batch.to_pylist()
                yield from self._kiwi.space(spaced) if self._correct_spacing else spaced

        analysed = self._kiwi.tokenize(
            texts(), compatible_jamo=True, typos=self._typos, pretokenized=_emoticons
        )
        done = 0
        batch: list[Any] = []
        for document in analysed:
            batch.append(self._finish(document))
            if len(batch) == sizes[done]:
                yield join_documents(batch)
                done, batch = done + 1, []

    def _finish(self, document: list[Any]) -> tuple[list[str], list[int]]:
        """Return the tokens of a document and the sentence number of each."""
        words, sentences = [], []
        for token in document:
            tag = token.tag
            if self._content_only:
                if tag not in CONTENT:
                    continue
            elif tag in PUNCTUATION and not self._keep_punctuation:
                continue
            form = token.form.lower() if self._lowercase else token.form
            words.append(f"{form}/{tag}" if self._part_of_speech else form)
            sentences.append(token.sent_position)
        return words, sentences


def _refuse_lines(dictionary: Path) -> Note:
    def note(reason: str, first: int, number: int, what: str) -> None:
        if reason == "undecodable_line":
            raise StageError(f"{dictionary} line {first}: {what}: save it as UTF-8")

    return note


def _emoticons(text: str) -> list[tuple[int, int, str]]:
    return [(m.start(), m.end(), "W_EMOJI") for m in _EMOTICON.finditer(text)]
