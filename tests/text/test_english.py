import csv

import numpy as np
import pyarrow as pa
import pytest
from tiny import SHARED_DATA

from stages.text.cleaning.clean import Rules, clean
from stages.text.tokens import english
from stages.text.tokens.english import Tokenizer


def tokenize(text: str, keep_punctuation: bool = True, lowercase: bool = False) -> list[str]:
    distinct, ids, _, _ = Tokenizer(lowercase, keep_punctuation)(pa.array([text]))
    return distinct.take(pa.array(ids)).to_pylist()


def sentences(text: str) -> list[str]:
    return Tokenizer(False, True).sentences(pa.array([text]))[0]


def test_the_example_gives_seven_words():
    sentence = "Time is an illusion. Lunchtime double so!"
    assert tokenize(sentence, keep_punctuation=False) == [
        *("Time", "is", "an", "illusion", "Lunchtime", "double", "so")
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a home-based job", "a home-based job"),
        ("he does n't", "he does n't"),
        ("doesn't can't won't", "does n't ca n't wo n't"),
        ("they’ll I'd we've", "they 'll I 'd we 've"),
        ("you're I'm it's IT'S", "you 're I 'm it 's IT 'S"),
        ("cannot gonna wanna gotta Gimme lemme", "can not gon na wan na got ta Gim me lem me"),
        ("more'n d'ye 'tis 'twas", "more 'n d 'ye 't is 't was"),
        ("the dogs' home", "the dogs ' home"),
        ("O'Brien o'clock rock'n'roll", "O'Brien o'clock rock'n'roll"),
        ("the U.S. and e.g. Mr. Smith.", "the U.S. and e.g. Mr. Smith ."),
        ("She said no. He left.", "She said no . He left ."),
        ("1,000.5 at 12:30, or: 5,", "1,000.5 at 12:30 , or : 5 ,"),
        ("19th-century 1990s", "19th-century 1990s"),
        ("well... yes--no", "well ... yes -- no"),
        ('("quoted") and "said."', "( `` quoted '' ) and `` said . ''"),
        ("“curly” ‘quotes’ — and…", "`` curly '' 'quotes ' -- and ..."),
        ("[a] {b} <c> $5 50% #1 a&b", "[ a ] { b } < c > $ 5 50 % # 1 a & b"),
        ("What?! No; yes.", "What ? ! No ; yes ."),
        ("C++ and C#, c#. (F#) but #1 a#b 5#", "C++ and C# , c# . ( F# ) but # 1 a # b 5 #"),
        ("naïve Ångström 서울", "naïve Ångström 서울"),
        ("see <url> or <email> , <number>", "see <url> or <email> , <number>"),
        ("the end etc.", "the end etc."),
    ],
)
def test_penn_treebank_rules(text, tokens):
    assert tokenize(text) == tokens.split()


def test_names_of_languages_keep_their_marks_without_punctuation():
    text = "C++, C# and C; graded A+ or +++ with *F#* in ++it"
    expected = "C++ C# and C graded A or with F# in it"
    assert tokenize(text, keep_punctuation=False) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Who met Mr. T. Rex vs. them.", ["Dr. Who met Mr. T. Rex vs. them."]),
        ("It cost 3.5 e.g. here. Fine.", ["It cost 3.5 e.g. here.", "Fine."]),
        ("He said “no.” She left.", ["He said “no.”", "She left."]),
        ("In the U.S. Army etc. It ended.", ["In the U.S. Army etc.", "It ended."]),
        ("Made in the U.S. The end.", ["Made in the U.S.", "The end."]),
        ("Said no. Not 3. 4 is it.", ["Said no.", "Not 3.", "4 is it."]),
        ("Wow! what a film", ["Wow! what a film"]),
        ("i liked it. it was good.", ["i liked it.", "it was good."]),
        ("wait... what", ["wait... what"]),
        ("no space.After it", ["no space.", "After it"]),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


def test_no_character_is_lost_or_added():
    text = "It's 5 o'clock -- can't U.S. 'quote' (a-b-c_d) €3,50 x²?! gonna's"
    assert "".join(tokenize(text)) == "".join(text.split())


def test_dropping_punctuation_keeps_every_word():
    text = "Well, *great* 'n't -- it's 3.5% (so-called) e.g. this! 'hello"
    assert tokenize(text, keep_punctuation=False) == [
        *("Well", "great", "n't", "it", "'s", "3.5", "so-called", "e.g.", "this", "hello")
    ]


def test_result_does_not_depend_on_batches_and_cache(monkeypatch):
    texts = [f"Number {n} isn't {n * n}. It's \"new\" in text{n}." for n in range(50)]
    whole = Tokenizer(True, True)(pa.array(texts))
    monkeypatch.setattr(english, "MAX_CACHED", 20)
    tokenizer = Tokenizer(True, True)
    parts = [tokenizer(pa.array(texts[n : n + 7])) for n in range(0, 50, 7)]
    flat = [t for p in parts for t in p.distinct.take(pa.array(p.ids)).to_pylist()]
    assert flat == whole.distinct.take(pa.array(whole.ids)).to_pylist()
    assert np.concatenate([p.sentences for p in parts]).tolist() == whole.sentences.tolist()
    assert (whole.sentences == 2).all()
    assert whole.sentence_lengths.sum() == len(whole.ids)


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="needs the data beside the project")
def test_tokens_agree_with_nltk():
    from difflib import SequenceMatcher

    from nltk.tokenize import TreebankWordTokenizer

    csv.field_size_limit(1 << 24)
    with (SHARED_DATA / "imdb_sample.csv").open(newline="", encoding="utf-8") as file:
        rules = Rules(markup="html", urls="keep", emails="keep", numbers="keep")
        texts = pa.array([clean(row["text"], rules)[0] for row in csv.DictReader(file)])
    ours = Tokenizer(lowercase=False, keep_punctuation=True)
    reference = TreebankWordTokenizer()
    distinct, ids, lengths, _ = ours(texts)
    flat = distinct.take(pa.array(ids)).to_pylist()
    ends = [0, *np.cumsum(lengths).tolist()]
    sentences = [sentence for text in ours.sentences(texts) for sentence in text]
    total = different = 0
    for sentence, start, end in zip(sentences, ends, ends[1:], strict=False):
        theirs, mine = reference.tokenize(sentence), flat[start:end]
        total += len(theirs)
        if theirs != mine:
            codes = SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes()
            different += sum(max(b - a, d - c) for kind, a, b, c, d in codes if kind != "equal")
    assert total > 1_300_000
    assert 1 - different / total >= 0.999
