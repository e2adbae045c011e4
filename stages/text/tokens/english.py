"""English sentences, and words by the rules of the Penn Treebank.

The rules are those of the Treebank's script (MacIntyre 1995). The tokens of a string between two
spaces depend only on this string and on whether it ends a sentence. Therefore every distinct string
is tokenized once, and texts are assembled from the results.

Of 1,315,774 tokens of film reviews, 99.93 % equal those of NLTK's TreebankWordTokenizer. The rest
are typographic dashes, ellipses, quotation marks and apostrophes, which are treated like their
ASCII equivalents (`--`, `...`, quotes, clitics), while NLTK leaves them in the word; abbreviations
that end a sentence (`etc.`, `Jr.`, `U.S.`), which keep their period; and runs of four or more
periods.
"""

import itertools
import operator
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.text.contracts import PLACEHOLDERS
from stages.text.tokens.batch import Tokens

Rule = tuple[re.Pattern[str], str]


def _rules(*pairs: tuple[str, str]) -> list[Rule]:
    return [(re.compile(pattern), replacement) for pattern, replacement in pairs]


# Applied in this order to lines that begin and end with a space; the result is split at spaces.
RULES: list[Rule] = _rules(
    (r"[“„]|``", " `` "),
    ("”", '"'),
    ("[’ʼ＇‘]", "'"),
    ("…", " ... "),
    ("[–—]", " -- "),
    # Opening quotation marks.
    (r"""([ (\[{<])(?:"|'')""", r"\1 `` "),
    # Punctuation; a comma or colon between digits belongs to the number.
    (r"([:,])(?!\d)", r" \1 "),
    (r"\.\.\.", " ... "),
    # C# and F# keep their number sign.
    (r"[;@$%&?!\[\](){}<>]|(?<!(?<!\w)[A-Za-z])#|#(?=\w)", r" \g<0> "),
    (r"([^' ])' ", r"\1 ' "),
    ("--", " -- "),
    # Closing quotation marks and clitics.
    ("''|\"", " '' "),
    (r"([^' ])('[sSmMdD]|') ", r"\1 \2 "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
    # Contractions of two words.
    (
        r"(?i)\b(can(?=not\b)|gim(?=me\b)|lem(?=me\b)|gon(?=na\b)|got(?=ta\b)|wan(?=na )"
        r"|d(?='ye\b)|more(?='n\b))",
        r"\1 ",
    ),
    (r"(?i) ('t)(is|was)\b", r" \1 \2 "),
)
_FINAL_PERIOD = re.compile(r"(?<=[^.])\.(?=[\])}>\"'”’]*$)")
_PLACEHOLDER = re.compile("< (url|email|number) >")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CLITICS = _set("'s 'm 'd 'll 're 've 't 'n 'em")
_CONTRACTIONS = _set("cannot gimme lemme gonna gotta wanna")
# A period after these does not end a sentence; after the second set it does if a capital follows.
_TITLES = _set(
    "mr mrs ms dr prof st mt ft gen gov sen rep lt col capt sgt cpl cmdr adm maj rev hon pres supt "
    "messrs mme mlle jan feb mar apr jun jul aug sep sept oct nov dec vol vols pp ch fig "
    "figs eq vs v e.g i.e cf viz al approx dept univ ca c ed eds trans op"
)
_ABBREVIATIONS = _set(
    "etc inc ltd co corp jr sr bros est ave blvd rd u.s u.k u.n u.s.a u.s.s.r d.c l.a n.y a.m p.m "
    "b.c a.d b.a m.a ph.d m.d t.v min max esp"
)
_ENDING = re.compile(r"([.?!…]+)[\"')\]}»”’]*$")
_OPENING = "\"'`([{<«“‘*-–—"
# Words that often begin a sentence: after an acronym, any other capitalized word may be a name.
_STARTERS = _set(
    "the a an it its he she his her they their we i you this that these those there here what when "
    "where who why how if in on at as but and so then however also although while after before "
    "not no one some all my our your for with from most many"
)
# A string ends a sentence if one of these and the value of the next string (0 lower case, 1
# capital, 2 capitalized starter) add up to at least _ALWAYS.
_NEVER, _BEFORE_A_STARTER, _BEFORE_A_CAPITAL, _ALWAYS = range(4)
# Marks that are stripped from words if punctuation is dropped.
_CLINGING = "*_~=/\\|^+-`´•·"
# Programming languages whose names end with such marks: C++, C#, F#.
_LANGUAGE = re.compile(r"[A-Za-z](?:\+\+|#)")

# Maximum number of distinct strings in the cache, so that memory does not grow with the corpus.
MAX_CACHED = 400_000


def split_tokens(chunks: list[str], final: bool) -> list[list[str]]:
    """Return the tokens of each string.

    Args:
        chunks: strings without spaces.
        final: whether each string ends a sentence, so that a final period is a separate token.
    """
    if final:
        chunks = [
            chunk if _is_abbreviation(chunk) else _FINAL_PERIOD.sub(" .", chunk) for chunk in chunks
        ]
    lines = "".join(f" {chunk} \n" for chunk in chunks)
    for pattern, replacement in RULES:
        lines = pattern.sub(replacement, lines)
    lines = _PLACEHOLDER.sub(r"<\1>", lines)
    return [line.split() for line in lines.split("\n")[:-1]]


def _is_abbreviation(chunk: str) -> bool:
    word = chunk.strip(_OPENING + "\"')]}”’").removesuffix(".").lower()
    return word in _ABBREVIATIONS or word in _TITLES


def _end_of_sentence(chunk: str) -> int:
    match = _ENDING.search(chunk)
    if match is None:
        return _NEVER
    marks = match[1]
    if marks != ".":
        return _BEFORE_A_CAPITAL
    word = chunk[: match.start()].lstrip(_OPENING)
    lowered = word.lower()
    if lowered in _TITLES or (len(word) == 1 and word.isalpha() and word != "I"):
        return _NEVER
    if "." in word:
        return _BEFORE_A_STARTER
    if lowered in _ABBREVIATIONS or not word[-1:].islower():
        return _BEFORE_A_CAPITAL
    return _ALWAYS


def _begin(chunk: str) -> int:
    """Return 0 for lower case, 1 for a capital or digit, 2 for a capitalized starter."""
    word = chunk if chunk[0].isalnum() else chunk.lstrip(_OPENING)
    if not (word[:1].isupper() or word[:1].isdigit()):
        return 0
    return 1 + (word.lower() in _STARTERS)


def _parts(texts: pa.Array) -> pa.ListArray:
    """Split texts at spaces, after adding missing spaces between sentences."""
    texts = pc.replace_substring_regex(texts, r"(\p{Ll}{2}[.?!])(\p{Lu}\p{Ll})", r"\1 \2")
    return pc.split_pattern(texts, " ")


class Tokenizer:
    """Tokenizes batches of documents; caches the strings it has seen.

    Args:
        lowercase: whether tokens are converted to lower case.
        keep_punctuation: whether tokens without a letter or digit are kept.
    """

    def __init__(self, lowercase: bool, keep_punctuation: bool):
        self._lowercase = lowercase
        self._keep_punctuation = keep_punctuation
        self._clear()

    def _clear(self) -> None:
        # For each string between spaces: its id n, how it ends and begins, and its tokens inside a
        # sentence (list 2 n) and at the end of one (list 2 n + 1).
        self._ids: dict[str, int] = {}
        self._ends = np.empty(0, np.int8)
        self._begins = np.empty(0, np.int8)
        self._offsets = np.zeros(1, np.int32)
        self._tokens = np.empty(0, np.int32)
        # The id of each token's normalized form, -1 if it is dropped; the ids of the forms.
        self._token_ids: dict[str, int] = {}
        self._forms: dict[str, int] = {}

    def __call__(self, texts: pa.Array) -> Tokens:
        """Return the tokens of texts, which must be in NFC with single spaces."""
        ids, is_final, documents = self._sentences(_parts(texts))
        lists = pa.ListArray.from_arrays(self._offsets, self._tokens)
        taken = lists.take(pa.array(2 * ids + is_final))
        tokens, ends = taken.values.to_numpy(), taken.offsets.to_numpy()[1:]

        is_used = np.bincount(tokens, minlength=len(self._forms)) > 0
        forms = list(self._forms)
        sentence_lengths = np.diff(ends[is_final], prepend=0)
        of_document = np.repeat(np.arange(len(texts)), np.diff(documents))[is_final]
        filled = sentence_lengths > 0
        return Tokens(
            pa.array([forms[i] for i in np.flatnonzero(is_used)], pa.string()),
            (np.cumsum(is_used, dtype=np.int32) - 1)[tokens],
            sentence_lengths[filled],
            np.bincount(of_document[filled], minlength=len(texts)),
        )

    def sentences(self, texts: pa.Array) -> list[list[str]]:
        """Return the sentences of each text."""
        parts = _parts(texts)
        _, is_final, documents = self._sentences(parts)
        words = parts.flatten().to_pylist()
        ends = [0, *(np.flatnonzero(is_final) + 1).tolist()]
        flat = [" ".join(words[a:b]) for a, b in itertools.pairwise(ends)]
        last = np.searchsorted(ends, documents)
        return [flat[a:b] for a, b in itertools.pairwise(last.tolist())]

    def _sentences(self, parts: pa.ListArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the ids of strings, whether they end a sentence, and the documents' offsets."""
        encoded = parts.flatten().dictionary_encode()
        distinct = encoded.dictionary.to_numpy(zero_copy_only=False).tolist()
        ids = self._look_up(distinct)[encoded.indices.to_numpy()]
        ends = self._ends[ids]
        begins = self._begins[ids]
        is_final = ends == _ALWAYS
        is_final[:-1] |= ends[:-1] + begins[1:] >= _ALWAYS
        documents = parts.offsets.to_numpy()
        is_final[documents[1:] - 1] = True
        return ids, is_final, documents

    def _look_up(self, chunks: list[str]) -> np.ndarray:
        """Return the ids of distinct strings."""
        ids = np.fromiter(map(self._ids.get, chunks, itertools.repeat(-1)), np.int32, len(chunks))
        new = [chunks[i] for i in np.flatnonzero(ids < 0)]
        if len(self._ids) + len(new) > MAX_CACHED:
            self._clear()
            new = chunks
        if new:
            self._cache(new)
            ids = np.fromiter(map(self._ids.__getitem__, chunks), np.int32, len(chunks))
        return ids

    def _cache(self, chunks: list[str]) -> None:
        """Tokenize strings and add them to the cache."""
        # Half of the distinct strings are plain words, which only the rule of contractions changes.
        is_plain = [c.isalnum() and c.lower() not in _CONTRACTIONS for c in chunks]
        plain = list(itertools.compress(chunks, is_plain))
        marked = list(itertools.compress(chunks, map(operator.not_, is_plain)))
        # Only strings with a final period have other tokens at the end of a sentence.
        final = [chunk for chunk in marked if _FINAL_PERIOD.search(chunk)]
        at_end = dict(zip(final, split_tokens(final, final=True), strict=True))

        chunks = plain + marked
        inside = [*([chunk] for chunk in plain), *split_tokens(marked, final=False)]
        both = zip(inside, map(at_end.get, chunks, inside), strict=True)
        lists = list(itertools.chain.from_iterable(both))
        tokens = self._ids_of_tokens(list(itertools.chain.from_iterable(lists)))
        kept = np.concatenate([[0], np.cumsum(tokens >= 0, dtype=np.int32)])
        offsets = kept[np.cumsum(np.fromiter(map(len, lists), np.int32, len(lists)))]

        ends = [*([_NEVER] * len(plain)), *map(_end_of_sentence, marked)]
        self._ids.update(zip(chunks, itertools.count(len(self._ids))))
        self._ends = np.append(self._ends, np.array(ends, np.int8))
        self._begins = np.append(self._begins, np.array([_begin(c) for c in chunks], np.int8))
        self._offsets = np.append(self._offsets, self._offsets[-1] + offsets)
        self._tokens = np.append(self._tokens, tokens[tokens >= 0])

    def _ids_of_tokens(self, tokens: list[str]) -> np.ndarray:
        ids, forms = self._token_ids, self._forms
        for token in dict.fromkeys(tokens):
            if token not in ids:
                form = token if self._keep_punctuation else _without_marks(token)
                form = form.lower() if self._lowercase else form
                ids[token] = forms.setdefault(form, len(forms)) if form else -1
        return np.fromiter(map(ids.__getitem__, tokens), np.int32, len(tokens))


def _without_marks(token: str) -> str:
    """Return a token without surrounding marks, or nothing if it has no letter or digit."""
    if token.isalnum() or token in PLACEHOLDERS.values():
        return token
    token = token.lstrip(_CLINGING)
    if _LANGUAGE.fullmatch(token):
        return token
    token = token.rstrip(_CLINGING)
    if token[:1] == "'" and token.lower() not in CLITICS:
        token = token[1:]
    return token if any(map(str.isalnum, token)) else ""
