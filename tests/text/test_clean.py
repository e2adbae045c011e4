import time

import pytest

from stages.text.cleaning.clean import Rules, clean

KEEP = {"markup": "html", "urls": "keep", "emails": "keep", "numbers": "keep"}


def cleaned(text, **changes):
    return clean(text, Rules(**{**KEEP, **changes}))


@pytest.mark.parametrize(
    ("text", "expected", "kinds"),
    [
        ("  cafe\u0301\u00a0 \x00a\tb\n c ", "café a b c", ["not_nfc", "control"]),
        ("plain words", "plain words", []),
        ("a<br /><br />b <i>it</i>s &lt;3", "a b its <3", ["markup"]),
        ("<script>var x = '<p>';</script>text<!-- no\nno -->", "text", ["markup"]),
        ("I <3 you, a < b and b > a", "I <3 you, a < b and b > a", []),
        ("\u202eright to left\u200f", "right to left", ["invisible"]),
        ("soft\u00adhyphen", "softhyphen", ["invisible"]),
        ("sch\u00c3\u00b6n", "schön", ["mojibake"]),
        ("yes \x96 no \x93so\x94", "yes – no “so”", ["mojibake"]),
        ("lone \ud800 half", "lone half", ["undecodable"]),
        ("broken \ufffd byte", "broken byte", ["undecodable"]),
        ("z" + "\u0301\u0302\u0303\u0304\u0305", "ź\u0302\u0303", ["mark_flood", "not_nfc"]),
        ("한국어 문장입니다", "한국어 문장입니다", []),
        ("\u1112\u1161\u11ab", "한", ["not_nfc"]),
    ],
)
def test_kinds_of_changes(text, expected, kinds):
    assert cleaned(text) == (expected, kinds)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("keep", "see https://a.org/b?c=1, mail x.y@z.com, 3.5 of 1,000"),
        ("remove", "see , mail , of"),
        ("replace", "see <url> , mail <email> , <number> of <number>"),
    ],
)
def test_addresses_and_numbers(how, expected):
    text = "see https://a.org/b?c=1, mail x.y@z.com, 3.5 of 1,000"
    assert cleaned(text, urls=how, emails=how, numbers=how)[0] == expected


def test_wiki_markup():
    text = "== Head ==\n* '''Bold''' [[link|text]] here\n{| table\n|}"
    assert cleaned(text, markup="wiki") == ("Bold text here", ["markup"])


def test_flood_of_marks_takes_no_time():
    start = time.perf_counter()
    text, kinds = cleaned("a" + "\u0301\u0316" * 500_000)
    assert time.perf_counter() - start < 10  # in form NFC alone it would take hours
    assert len(text) <= 4
    assert "mark_flood" in kinds
