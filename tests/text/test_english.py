import pytest

from stages.text.english import tokenize


def test_the_example_gives_seven_words():
    sentence = "Time is an illusion. Lunchtime double so!"
    assert tokenize(sentence, keep_punctuation=False) == [
        *("Time", "is", "an", "illusion", "Lunchtime", "double", "so")
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a home-based job", ["a", "home-based", "job"]),
        ("he does n't", ["he", "does", "n't"]),
        ("doesn't can't won't", ["does", "n't", "ca", "n't", "wo", "n't"]),
        ("they’ll I'd we've", ["they", "'ll", "I", "'d", "we", "'ve"]),
        ("you're I'm it's", ["you", "'re", "I", "'m", "it", "'s"]),
        ("cannot gonna wanna gotta", ["can", "not", "gon", "na", "wan", "na", "got", "ta"]),
        ("the dogs' home", ["the", "dogs", "'", "home"]),
        ("O'Brien o'clock rock'n'roll", ["O'Brien", "o'clock", "rock'n'roll"]),
        ("the U.S. and e.g. Mr. Smith.", ["the", "U.S.", "and", "e.g.", "Mr.", "Smith", "."]),
        ("She said no. He left.", ["She", "said", "no", ".", "He", "left", "."]),
        ("1,000.5 at 12:30", ["1,000.5", "at", "12:30"]),
        ("19th-century 1990s", ["19th-century", "1990s"]),
        ("well... yes--no", ["well", "...", "yes", "--", "no"]),
        ('("quoted")', ["(", '"', "quoted", '"', ")"]),
        ("naïve Ångström 서울", ["naïve", "Ångström", "서울"]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_penn_treebank_rules(text, tokens):
    assert tokenize(text, keep_punctuation=True) == tokens


def test_no_letter_is_lost_or_made():
    text = "It's 5 o'clock -- can't U.S. 'quote' (a-b-c_d) €3,50 x²?! gonna’s"
    squeezed = "".join(text.replace("’", "'").split())
    assert "".join(tokenize(text, keep_punctuation=True)) == squeezed


def test_dropping_punctuation_keeps_every_word():
    text = "Well, 'n't -- it's 3.5% (so-called) e.g. this!"
    kept = tokenize(text, keep_punctuation=True)
    assert tokenize(text, keep_punctuation=False) == [
        token for token in kept if any(c.isalnum() for c in token)
    ]
