import json
import zipfile
from fractions import Fraction

import music21
import pyarrow.parquet as pq
import pytest
import yaml

from stages.core.errors import StageError
from stages.music import collect_notes
from stages.music.contracts import PARTS
from stages.music.notes.chorales import chorale_files, read_chorale


@pytest.mark.parametrize("path", chorale_files()[3::45], ids=lambda path: path.stem)
def test_notes_are_those_that_music21_reads(path):
    chorale = read_chorale(path)
    if chorale is None:
        assert len(music21.converter.parse(path).parts) != 4
        return
    for name, part in zip(PARTS, music21.converter.parse(path).parts, strict=True):
        joined = part.stripTies()
        expected = sorted(
            (Fraction(note.getOffsetInHierarchy(joined)), Fraction(note.quarterLength), pitch.midi)
            for note in joined.recurse().notes
            if note.quarterLength > 0
            for pitch in note.pitches
        )
        own = sorted(tuple(note[1:]) for note in chorale.notes if note.part == name)
        assert own == expected


def test_pickup_and_metre():
    chorale = read_chorale(next(p for p in chorale_files() if p.stem == "bwv269"))
    assert (chorale.beats_per_bar, chorale.pickup_beats) == (3, 1)


SCORE = """<score-partwise><part-list>{names}</part-list>{parts}</score-partwise>"""
MEASURE = """<measure><attributes><divisions>2</divisions><time><beats>4</beats>
<beat-type>4</beat-type></time></attributes>
<note><pitch><step>C</step><alter>1</alter><octave>4</octave></pitch><duration>3</duration>
<tie type="start"/></note>
<note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>
<note><rest/><duration>1</duration></note>
<note><pitch><step>D</step><octave>4</octave></pitch><duration>4</duration></note>
<note><chord/><pitch><step>F</step><octave>4</octave></pitch><duration>4</duration></note>
</measure>"""


def write_score(path, names, measure=MEASURE):
    named = "".join(f"<score-part><part-name>{name}</part-name></score-part>" for name in names)
    parts = "".join(f"<part>{measure}</part>" for _ in names)
    with zipfile.ZipFile(path, "w") as archive:
        container = '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("s.xml", SCORE.format(names=named, parts=parts))
    return path


def test_rests_chords_grace_notes_and_accidentals(tmp_path):
    chorale = read_chorale(write_score(tmp_path / "a.mxl", ["Soprano", "Alto", "Tenor", "Bass"]))
    soprano = [tuple(note[1:]) for note in chorale.notes if note.part == "soprano"]
    assert soprano == [(0, Fraction(3, 2), 61), (2, 2, 62), (2, 2, 65)]


def test_other_pieces_and_copies_are_counted(tmp_path):
    four = ["Soprano", "Alto", "Tenor", "Bass"]
    files = [
        write_score(tmp_path / "a.mxl", four),
        write_score(tmp_path / "b.mxl", four, MEASURE.replace("<octave>4", "<octave>5")),
        write_score(tmp_path / "c.mxl", [*four, "Continuo"]),
    ]
    chorales, dropped = collect_notes.select(files)
    assert list(chorales) == ["a"]
    assert dropped == {"not_four_parts": 1, "changing_time_signature": 0, "duplicate": 1}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"<xml>"])
def test_broken_file_is_named(tmp_path, content):
    (tmp_path / "broken.mxl").write_bytes(content)
    with pytest.raises(StageError, match=r"broken\.mxl is not compressed MusicXML"):
        read_chorale(tmp_path / "broken.mxl")


@pytest.fixture
def collected(tmp_path, monkeypatch):
    """Paths of what the stage writes of the first 20 chorales."""
    monkeypatch.setattr(collect_notes, "chorale_files", lambda: chorale_files()[:20])
    names = {"notes": "notes.parquet", "pieces": "pieces.parquet", "metrics": "metrics.json"}
    paths = {option: tmp_path / name for option, name in names.items()}
    params = collect_notes.CollectNotesParams(validation_share=0.2, test_share=0.2, seed=1)
    collect_notes.main(params=params, **paths, validation=tmp_path / "validation.json")
    return paths


def test_stage_splits_whole_pieces(collected):
    notes, pieces = pq.read_table(collected["notes"]), pq.read_table(collected["pieces"])
    split_of = dict(zip(pieces["piece_id"].to_pylist(), pieces["split"].to_pylist(), strict=True))
    rows = zip(notes["piece_id"].to_pylist(), notes["split"].to_pylist(), strict=True)
    assert set(rows) == set(split_of.items())
    metrics = json.loads(collected["metrics"].read_text())
    assert metrics["pieces"]["total"] + sum(metrics["dropped"].values()) == 20
    assert metrics["pieces"]["test"] == round(0.2 * metrics["pieces"]["total"])


def test_split_without_a_chorale_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = {"validation_share": 0.1, "test_share": 0.1, "seed": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"music": {"collect_notes": section}}))
    monkeypatch.setattr(collect_notes, "chorale_files", lambda: chorale_files()[:3])
    paths = {name: tmp_path / f"{name}.parquet" for name in ("notes", "pieces", "metrics")}
    with pytest.raises(StageError, match=r"'test': 0.*raise the shares in music\.collect_notes"):
        collect_notes.main(params="music.collect_notes", **paths, validation=tmp_path / "v.json")
    assert not any(path.exists() for path in paths.values())


def test_stage_finds_keys_whatever_the_signature_says(collected):
    rows = pq.read_table(collected["pieces"]).to_pylist()
    keys = {row["piece_id"]: (row["tonic_pitch_class"], row["mode"]) for row in rows}
    assert keys["bwv116.6"] == (9, "major")
    assert keys["bwv10.7"] == (7, "minor")
    assert keys["bwv102.7"] == (0, "minor")  # written with two flats, as G minor is
