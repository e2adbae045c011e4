import bz2
import gzip
import io
import random
import tarfile
import zipfile

import pytest
from music_files import midi, tune

from stages.core.errors import StageError
from stages.core.losses import Losses
from stages.music.sources import files
from stages.music.sources.collection import Source
from stages.music.sources.files import File, find_files, read_file
from stages.music.sources.piece import UnreadableError

SONG = midi(tune(random.Random(1), 8))
ABC = b"X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|\n"
KERN = b"**kern\n*M4/4\n4c\n4d\n*-\n"
SCORE = b"""<score-partwise><part-list><score-part id="P1"><part-name>Flute</part-name></score-part>
</part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration></note>
</measure></part></score-partwise>"""


def found(raw, **source) -> list[File]:
    return list(find_files(Source(path="music", **source), raw, Losses()))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "music").mkdir()
    return tmp_path / "music"


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.MID", SONG), ("a.midi", SONG), ("a.kar", SONG), ("a.smf", SONG), ("a.rmi", SONG),
     ("a.txt", SONG), ("song", SONG), ("a.abc", ABC), ("a.krn", KERN), ("a.xml", SCORE),
     ("a.musicxml", SCORE)],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_formats_are_told_by_suffix_or_content(folder, name, content, packed):
    (folder / f"{name}.gz" if packed else folder / name).write_bytes(
        gzip.compress(content) if packed else content
    )
    (file,) = found(folder.parent)
    left_out = Losses()
    (piece,) = read_file(file, left_out)
    assert piece.notes
    assert not left_out.counts


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_archives_are_read_like_folders(tmp_path, ending):
    names = ["b/two.mid", "b/one.mid.bz2", "notes.txt", "__MACOSX/b/._two.mid", ".hidden.mid"]
    content = {name: bz2.compress(SONG) if name.endswith("bz2") else SONG for name in names}
    content["notes.txt"] = b"about these files"
    if ending == "zip":
        with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
            for name in names:
                archive.writestr(name, content[name])
    else:
        with tarfile.open(tmp_path / "music.tar.gz", "w:gz") as archive:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = len(content[name])
                archive.addfile(info, io.BytesIO(content[name]))
    left_out, read = Losses(), {}
    for file in find_files(Source(path=f"music.{ending}"), tmp_path, left_out):
        read[file.name] = (file.stem, len(read_file(file, left_out)))
    assert read == {
        f"music.{ending}/b/two.mid": ("b/two", 1),
        f"music.{ending}/b/one.mid.bz2": ("b/one", 1),
        f"music.{ending}/notes.txt": ("notes", 0),
    }
    assert left_out.counts == {".txt": 1}


def test_a_pattern_chooses_files_and_others_are_not_counted(folder):
    for name in ("a.mid", "b.mid", "c.txt"):
        (folder / name).write_bytes(SONG)
    assert [file.name for file in found(folder.parent, files="[bc].mid")] == ["music/b.mid"]


def test_an_archive_in_a_folder_is_left_out_with_advice(folder):
    (folder / "more.zip").write_bytes(b"PK")
    left_out = Losses()
    (file,) = found(folder.parent)
    assert read_file(file, left_out) == []
    assert left_out.counts == {".zip": 1}
    assert "music/more.zip: an archive inside the source: unpack it" in left_out.examples[0]


@pytest.mark.parametrize(
    ("name", "content", "reason", "message"),
    [
        ("a.mid.gz", gzip.compress(SONG)[:-9], "damaged", "it is damaged or cut short"),
        ("a.abc", b" " * 2000, "too_large", "larger than"),
    ],
)
def test_what_cannot_be_opened_is_refused(folder, monkeypatch, name, content, reason, message):
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    (folder / name).write_bytes(content)
    (file,) = found(folder.parent)
    with pytest.raises(UnreadableError, match=message) as error:
        read_file(file, Losses())
    assert error.value.reason == reason


def test_a_source_that_is_missing_or_a_damaged_archive_is_an_error(tmp_path):
    with pytest.raises(StageError, match=r"there is no .*music: put it there"):
        found(tmp_path)
    with pytest.raises(StageError, match="'music22' is not installed"):
        found(tmp_path, package="music22")
    (tmp_path / "music.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(StageError, match=r"music\.zip is damaged or cut short"):
        list(find_files(Source(path="music.zip"), tmp_path, Losses()))
