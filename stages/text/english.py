"""English words by the rules of the Penn Treebank.

The rules are those of the Treebank's own tokenizer (MacIntyre 1995): a clitic is split off
(`does` `n't`, `he` `'ll`), a hyphenated word stays whole, an abbreviation keeps its period. A
period that ends a sentence inside the text is split off too, so that no sentence splitter has to
run first.
"""

import re

_CLITIC = r"(?:s|re|ve|ll|d|m)\b"
_TOKEN = re.compile(
    rf"""
      \d+(?:[.,:/]\d+)*(?:\w|-\w)*            # 1,000.5  12:30  1990s  19th-century
    | (?:[A-Za-z]\.){{2,}}                    # U.S.  e.g.
    | (?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|Inc|Ltd|Co|Corp|Gen|Gov|Sen|Rep|Lt|Col|Capt)\.
    | can(?=not\b) | gon(?=na\b) | wan(?=na\b) | got(?=ta\b) | gim(?=me\b) | lem(?=me\b)
    | n't\b | '{_CLITIC}
    | \w+?(?=n't\b)                           # does|n't
    | \w+(?:(?:-|'(?!{_CLITIC}))\w+)*         # home-based  o'clock
    | \.\.\.+ | --+ | `` | ''
    | [^\w\s]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_APOSTROPHES = str.maketrans("’ʼ＇", "'''")


def tokenize(text: str, keep_punctuation: bool) -> list[str]:
    """Return the tokens of `text`; without punctuation, those that hold a letter or a digit."""
    tokens = _TOKEN.findall(text.translate(_APOSTROPHES))
    if keep_punctuation:
        return tokens
    return [token for token in tokens if any(c.isalnum() for c in token)]
