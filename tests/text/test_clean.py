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
        ("to \ufb01nd an o\ufb03ce", "to find an office", ["ligature"]),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go to http://a.kr/?a=1&section=7&region=kr&copy now",) * 2,
        ("a.kr/list?id=1&sect=2&para=3",) * 2,
        ("http://a.kr/?a=1&amp;region=kr&quot; said", 'http://a.kr/?a=1&region=kr" said'),
        ("AT&amp;T &copy 2004, caf&eacute; &lt;3", "AT&T © 2004, café <3"),
        ("the owner #39;s quot;new quot; car isn #39;t", "the owner's \"new \" car isn't"),
        ("quot;So #8220;it quot; cost #36;5", '"So “it " cost $5'),
        ("we are #1; you are #39; the amp; is #2", "we are #1; you are #39; the amp; is #2"),
        ("Bad.\\n\\nBut good\\nin parts", "Bad. But good in parts"),
        ("saved in C:\\new and C:\\temp\\notes",) * 2,
        ("so $\\nabla f \\neq 0$",) * 2,
        ("this &lt;b&gt; is about tags", "this <b> is about tags"),
    ],
)
def test_entities_in_html(text, expected):
    assert cleaned(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a &lt;b&gt;bold&lt;/b&gt; &lt;A HREF=\"http://x.y/?a=1&amp;amp;b=2\"&gt;link&lt;/A&gt;",
         "a bold link"),
        ("Procter amp; Gamble #39;s #36;5 lt;b gt; #151;", "Procter & Gamble's $5 —"),
        ("Yukos #39; shares &amp;quot;rose&amp;quot;", "Yukos ' shares \"rose\""),
        ("1 &amp;lt; 2", "1 < 2"),
    ],
)  # fmt: skip
def test_escaped_html(text, expected):
    assert cleaned(text, markup="escaped_html") == (expected, ["markup"])


def test_line_breaks_that_the_corpus_defines():
    text = r"dwindling\band of cynics on\Thursday\\at \$5"
    expected = "dwindling band of cynics on Thursday at $5"
    assert cleaned(text, line_break="\\") == (expected, ["line_break"])


def test_pictures_and_categories_of_a_wiki():
    text = (
        "[[category:Old]]\n[[분류 : 마을]]\nText [[파일:a.jpg|섬네일|그림 설명]]\n<gallery>\n"
        "파일:b.jpg|둘째 설명|alt=무엇\nImage:c.png\n</gallery>\nFile: this is prose"
    )
    assert cleaned(text, markup="wiki")[0] == "Text 그림 설명 둘째 설명 File: this is prose"


def test_wiki_markup():
    text = "== Head ==\n* '''Bold''' [[link|text]] here\n{| table\n|}"
    assert cleaned(text, markup="wiki") == ("Bold text here", ["markup"])


def test_flood_of_marks_is_fast():
    start = time.perf_counter()
    text, kinds = cleaned("a" + "\u0301\u0316" * 500_000)
    assert time.perf_counter() - start < 10  # NFC alone would take hours
    assert len(text) <= 4
    assert "mark_flood" in kinds
