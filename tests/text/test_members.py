import gzip
import io
import os
import tarfile
import unicodedata
import zipfile

import pytest
from corpora import sentences

from stages.core.errors import StageError

TEXTS = sentences(10)
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        \0\2\0\0\0\x09 and words enough to be a document"


class _Unflagged(zipfile.ZipInfo):
    """An entry whose name is in some encoding and not marked as UTF-8."""

    encoding = "cp949"

    def _encodeFilenameFlags(self):
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


class _UnflaggedUtf8(_Unflagged):
    encoding = "utf-8"


class _UnflaggedDos(_Unflagged):
    encoding = "cp437"


def zipped(files: dict, kind: type[zipfile.ZipInfo] = zipfile.ZipInfo, **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in files.items():
            info = kind("x")
            info.filename = name
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(files: dict, mode: str = "w", links: tuple = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
        for kind, name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return buffer.getvalue()


def labels(documents) -> set:
    return {d["label"] for d in documents}


@pytest.mark.parametrize("kind", [_Unflagged, _UnflaggedUtf8, zipfile.ZipInfo])
def test_korean_names_of_a_zip(collect, kind):
    files = {f"{'긍정' if n % 2 else '뷁'}/{n}.txt": text for n, text in enumerate(TEXTS)}
    source = {**collect.write("m.zip", zipped(files, kind)), "files": r"(?P<label>[^/]+)/\d+\.txt"}
    assert labels(collect({**source, "unit": "file"})[0]) == {"긍정", "뷁"}


def test_western_and_backslashed_names_of_a_zip(collect):
    files = {f"Müller\\é{n}.txt": text for n, text in enumerate(TEXTS)}

    class Windows(_UnflaggedDos):
        def __init__(self, name):
            super().__init__(name)
            self.create_system = 0

    source = {**collect.write("m.zip", zipped(files, Windows)), "unit": "file"}
    assert labels(collect(source)[0]) == {f"Müller/é{n}" for n in range(10)}


def test_names_are_equal_in_every_normal_form(collect):
    nfd = unicodedata.normalize("NFD", "말뭉치/긍정")
    for n, text in enumerate(TEXTS):
        collect.write(f"{nfd if n % 2 else '말뭉치/긍정'}{n % 2}/{n}.txt", text)
    source = {"path": "말뭉치", "files": "(?P<label>긍정)[01]/.*", "unit": "file"}
    # On a disk that distinguishes the forms, both folders exist and each is found by its name.
    found = []
    for form in ("NFC", "NFD"):
        os.rename(collect.raw / unicodedata.normalize(form, "말뭉치"), collect.raw / f"{form}")
        os.rename(collect.raw / form, collect.raw / unicodedata.normalize(form, f"m{form}é"))
        for other in ("NFC", "NFD"):
            path = unicodedata.normalize(other, f"m{form}é")
            found.append(collect({**source, "path": path}, test_share=0.3)[0])
    assert [len(documents) for documents in found] == [5] * 4
    assert all(labels(documents) == {"긍정"} for documents in found)
    assert all(d["doc_id"].isascii() or unicodedata.is_normalized("NFC", d["doc_id"])
               for documents in found for d in documents)  # fmt: skip


def test_file_names_in_cp949(collect):
    for n, text in enumerate(TEXTS):
        path = os.fsencode(collect.raw / "m") + f"/{'긍정' if n % 2 else '부정'}{n}.txt".encode(
            "cp949"
        )
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    documents, _ = collect({"path": "m"})
    assert labels(documents) == {f"{'긍정' if n % 2 else '부정'}{n}" for n in range(10)}


HIDDEN = [
    ".ipynb_checkpoints/a-checkpoint.txt",
    "._0.txt",
    "__MACOSX/._0.txt",
    "~$note.txt",
    "good/.hidden.txt",
    "#a.txt#",
    ".git/notes.md",
    "@eaDir/a.txt",
    "lost+found/a.csv",
]


@pytest.mark.parametrize("files", [None, r".*\.txt"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_hidden_files_are_left_out_and_named(collect, kind, files):
    content = {f"good/{n}.txt": text for n, text in enumerate(TEXTS)}
    content |= {name: APPLE_DOUBLE.decode() for name in HIDDEN}
    content |= {"Thumbs.db": "x", ".DS_Store": "x"}
    if kind == "folder":
        for name, text in content.items():
            collect.write(f"m/{name}", text)
        source = {"path": "m"}
    else:
        source = collect.write(f"m.{kind}", zipped(content) if kind == "zip" else tarred(content))
    documents, metrics = collect({**source, "unit": "file", "files": files})
    assert [d["text"] for d in documents] == TEXTS
    left_out = [name for name in HIDDEN if name.endswith(".txt") or (not files and name[-1] != "#")]
    assert metrics["left_out"]["hidden_file"] == len(left_out)
    assert all(any(name in example for example in metrics["examples"]) for name in left_out)


def test_other_files_that_are_left_out_are_named(collect):
    for n, text in enumerate(TEXTS):
        collect.write(f"m/{n}.txt", text)
    for name in ("more.zip", "rest.7z", "notes.docx", "LICENCE"):
        collect.write(f"m/{name}", "x")
    _, metrics = collect({"path": "m"})
    assert metrics["left_out"] == {
        "hidden_file": 0,
        "other_ending": 2,
        "inner_archive": 2,
        "link": 0,
    }
    assert any("raw/m/more.zip: an archive inside" in example for example in metrics["examples"])


def test_archive_that_contains_only_archives_is_reported(collect):
    source = collect.write("m.zip", zipped({"inner.zip": zipped({"a.txt": "b"})}))
    with pytest.raises(
        StageError, match=r"contains no file .*left out: raw/m\.zip/inner\.zip: an arch"
    ):
        collect(source)


@pytest.mark.parametrize("target", ["../../disk", "sub", "."])
def test_link_to_a_folder_is_refused(collect, target):
    """DVC does not notice changes behind such a link."""
    (collect.folder / "disk").mkdir()
    collect.write("m/sub/b.txt", "\n".join(TEXTS))
    (collect.raw / "m" / "more").symlink_to(target)
    with pytest.raises(StageError, match="raw/m/more is a link to a folder"):
        collect({"path": "m"})


@pytest.mark.parametrize("target", ["nowhere", "broken"])
def test_broken_link_is_refused(collect, target):
    collect.write("m/a.txt", "\n".join(TEXTS))
    (collect.raw / "m" / "broken").symlink_to(target)
    with pytest.raises(StageError, match="raw/m/broken is a broken link"):
        collect({"path": "m"})


def test_links_of_a_tar(collect):
    files = {f"./{n}.txt": text for n, text in enumerate(TEXTS)}
    links = ((tarfile.LNKTYPE, "./h.txt", "./3.txt"), (tarfile.SYMTYPE, "./s.txt", "3.txt"))
    source = {**collect.write("m.tar", tarred(files, links=links)), "files": r"[^/]*\.txt"}
    documents, metrics = collect({**source, "unit": "file"}, duplicates="keep")
    assert [d["text"] for d in documents] == [*TEXTS, TEXTS[3]]
    assert metrics["left_out"]["link"] == 1
    links = ((tarfile.LNKTYPE, "h.txt", "gone.txt"),)
    source = collect.write("m.tar", tarred(files, links=links))
    with pytest.raises(StageError, match=r"m\.tar/h\.txt is a link to gone\.txt, which is not in"):
        collect(source)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("M.ZIP", zipped({"A.CSV": "text\n" + "\n".join(TEXTS)})),
        ("M.TAR.GZ", tarred({"A.TXT.GZ": ""} | {"a.TXT": "\n\n".join(TEXTS)}, "w:gz")),
        ("M.TGZ", tarred({"a.Txt": "\n\n".join(TEXTS)}, "w:gz")),
        ("m.tbz2", tarred({"a.txt": "\n\n".join(TEXTS)}, "w:bz2")),
        ("M.Csv.GZ", gzip.compress(("text\n" + "\n".join(TEXTS)).encode())),
        ("M.TXT", "\n\n".join(TEXTS).encode()),
    ],
)
def test_suffixes_in_capitals(collect, name, content):
    assert [d["text"] for d in collect(collect.write(name, content))[0]] == TEXTS


def patched(flag: int, method: int) -> bytes:
    """Return a zip archive whose entries have a flag and a compression method."""
    data = bytearray(zipped({f"{n}.txt": text for n, text in enumerate(TEXTS)}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = -1
        while (start := data.find(signature, start + 1)) >= 0:
            data[start + offset] |= flag
            data[start + offset + 2] = method
    return bytes(data)


WHOLE = zipped({"a.txt": "\n\n".join(TEXTS)}, compression=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("m.zip", patched(1, 0), "m.zip/0.txt has a password: unpack it"),
        ("m.zip", patched(1, 99), "m.zip/0.txt has a password: unpack it"),
        ("m.zip", patched(0, 9), "m.zip/0.txt is compressed with deflate64 and cannot be read"),
        ("m.zip", WHOLE[:-30], "m.zip is damaged or cut short"),
        ("m.zip", WHOLE[:60] + b"????" + WHOLE[64:], "m.zip/a.txt is damaged or cut short"),
        ("m.zip", b"7z\xbc\xaf'\x1c" + bytes(99), "m.zip is a 7z archive: unpack it"),
        ("m.zip", b"Rar!\x1a\x07\x01" + bytes(99), "m.zip is a RAR archive: unpack it"),
        ("m.tar.gz", WHOLE, "m.tar.gz is a zip archive"),
        ("m.zip", tarred({"a.txt": "b"}, "w:gz"), "m.zip is compressed with gzip: rename it"),
        ("m.tar", tarred({"a.txt": "b" * 9000})[:5000], "m.tar/a.txt is damaged or cut short"),
        ("m.tar.gz", tarred({"a.txt": "b" * 9000}, "w:gz")[:60], "is damaged or cut short"),
        ("m.csv", WHOLE, "m.csv is a zip archive, or an Excel or Word"),
        ("m.txt", gzip.compress(b"a"), "m.txt is compressed with gzip: rename it to end in .gz"),
        ("m.7z", b"7z\xbc\xaf'\x1c" + bytes(99), "m.7z is a 7z archive: unpack it"),
    ],
)
def test_unreadable_file_is_reported_in_one_sentence(collect, name, content, sentence):
    with pytest.raises(StageError, match=sentence):
        collect(collect.write(name, content))
    assert not collect.out.exists() or not list(collect.out.iterdir())
