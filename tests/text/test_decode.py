import io

import pytest

from stages.text.sources.decode import SAMPLE_BYTES, decoded, detect_encoding

KOREAN = "영화가 정말 재미있었다. 배우들의 연기도 훌륭했다."
ENGLISH = "The old harbour was quiet, and nobody came to see the boats."


def read(content: bytes, encoding: str | None = None, newline: str | None = None):
    """Return the text and the notes on its lines, (reason, first, number)."""
    notes = []
    text = decoded(io.BytesIO(content), encoding, newline, lambda *note: notes.append(note))
    return text.read(), [note[:3] for note in notes]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [ENGLISH, KOREAN, f"{KOREAN}\r\n{ENGLISH}\r\n"])
def test_wide_encodings_without_a_byte_order_mark(encoding, text):
    assert detect_encoding(text.encode(encoding)) == encoding
    assert read(text.encode(encoding), newline="") == (text, [])
    assert read(("\ufeff" + text).encode(encoding), newline="") == (text, [])


@pytest.mark.parametrize("content", [b"\0" * 9, b"abc\0def ghi", b"a\0b\0c d e f g h i"])
def test_nul_bytes_alone_are_not_a_wide_encoding(content):
    assert read(content) == (content.decode(), [])


def test_lines_after_the_sample_are_checked():
    head = f"{ENGLISH}\n" * (1 + SAMPLE_BYTES // len(ENGLISH))
    content = head.encode() + f"{KOREAN}\n".encode("cp949") * 3
    first = head.count("\n") + 1
    assert read(content) == (head + f"{KOREAN}\n" * 3, [("other_encoding", first, 3)])


def test_lines_of_mixed_encodings_are_decoded_separately():
    lines = [
        (KOREAN, "utf-8"), ("뷁 똠방각하 햏", "cp949"), (KOREAN, "cp949"), ("ㅋㅋㅋ", "cp949"),
        ("“Él dijo: naïve…”", "cp1252"), ("café", "utf-8"), (KOREAN, "utf-8"), ("네", "cp949"),
        ("don’t", "cp1252"), (KOREAN, "utf-8"), ("👍 좋아요", "utf-8"), (KOREAN, "utf-8"),
    ]  # fmt: skip
    content = b"\n".join(text.encode(encoding) for text, encoding in lines)
    text, notes = read(content)
    assert text.split("\n") == [text for text, _ in lines]
    runs = [(2, 3), (5, 1), (8, 1), (9, 1)]
    assert notes == [("other_encoding", *run) for run in runs]


def test_short_line_of_cp949_that_is_utf_8_by_chance():
    assert "쨔".encode("cp949").decode() != "쨔"
    assert read(f"쨔\n{KOREAN}\n쨔".encode("cp949")) == (f"쨔\n{KOREAN}\n쨔", [])


@pytest.mark.parametrize("text", ["don’t “stop”", "“Él dijo”…” no", "Müller, Ärger – déjà vu"])
def test_western_lines_are_not_decoded_as_korean(text):
    assert read(f"{ENGLISH}\n{text}\n".encode("cp1252")) == (f"{ENGLISH}\n{text}\n", [])


def test_broken_line_is_named_and_not_decoded_from_another_encoding():
    lines = [KOREAN.encode(), KOREAN.encode()[:-3], KOREAN.encode()]  # ends within a character
    assert read(b"\n".join(lines)) == (
        f"{KOREAN}\n{KOREAN[:-2]}\ufffd\n{KOREAN}", [("undecodable_line", 2, 1)]
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_given_encoding_is_used_and_undecodable_lines_are_named(encoding):
    content = "one\ntwo\nthree".encode(encoding) + {"utf-16": b"\0"}.get(encoding, b"\xff")
    assert read(content, encoding) == ("one\ntwo\nthree\ufffd", [("undecodable_line", 3, 1)])


@pytest.mark.parametrize("encoding", ["utf-8", None, "utf-8-sig"])
def test_byte_order_marks_of_lines_are_removed_and_reported(encoding):
    content = "".join(f"\ufeff{name}\n{name} two\n" for name in "ab").encode()
    assert read(content, encoding) == ("a\na two\nb\nb two\n", [("inner_mark", 3, 1)])


@pytest.mark.parametrize("newline", [None, "", "\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_do_not_change_lines_or_their_numbers(monkeypatch, newline, end):
    monkeypatch.setattr("stages.text.sources.decode.SAMPLE_BYTES", 16)
    lines = [ENGLISH, KOREAN, "", "x"] * 5
    whole = end.join(lines) + end
    text, notes = read(whole.encode() + KOREAN.encode("cp949"), newline=newline)
    assert text == (whole if newline is not None else "\n".join([*lines, ""])) + KOREAN
    assert notes == [("other_encoding", 21 if end != "\r" or newline != "\n" else 1, 1)]


def test_long_line_without_spaces_is_read_in_bounded_blocks():
    content = ("가" * 1_000_000).encode()
    assert read(content) == ("가" * 1_000_000, [])
