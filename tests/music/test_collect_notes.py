import io
import json
import random
from collections import Counter

import mido
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from music_files import bass, midi, tune
from tiny import SHARED_DATA

from stages.core.errors import StageError
from stages.music import collect_notes
from stages.music.collect_notes import CollectNotesParams, draw_splits
from stages.music.sources.collection import Collection
from stages.music.sources.copies import group_by_melody

PARAMS = CollectNotesParams(validation_share=0.1, test_share=0.1, seed=1)


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Write files into a collection, collect it and return its pieces, notes and metrics."""
    monkeypatch.chdir(tmp_path)

    def run(files=None, params=PARAMS, **described):
        (tmp_path / "raw" / "music").mkdir(parents=True, exist_ok=True)
        for name, content in (files or {}).items():
            path = tmp_path / "raw" / "music" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        declaration = {"title": "Mine", "licence": "CC0", "sources": [{"path": "music"}]}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**declaration, **described}))
        outputs = {"notes": "notes.parquet", "pieces": "pieces.parquet", "metrics": "metrics.json"}
        collect_notes.main(
            params=params, music="mine.yaml", raw=tmp_path / "raw", **outputs,
            validation="validation.json",
        )  # fmt: skip
        pieces = pd.read_parquet("pieces.parquet").set_index("piece_id")
        return (
            pieces,
            pd.read_parquet("notes.parquet"),
            json.loads((tmp_path / "metrics.json").read_text()),
        )

    return run


def songs(number, seed=1):
    """Return files of songs with a melody and a bass."""
    draw = random.Random(seed)
    return {f"{i}.mid": midi(tune(draw), bass(draw)) for i in range(number)}


def test_tables_of_a_collection(collect):
    draw = random.Random(3)
    melody, low = tune(draw), bass(draw)
    pieces, notes, metrics = collect({**songs(9), "folder/song.mid": midi(low, melody, bpm=90)})
    assert metrics["pieces"] == {"total": 10, "train": 8, "validation": 1, "test": 1}
    assert metrics["files"] == 10
    assert metrics["notes"] == len(notes) == 10 * 45
    assert Counter(pieces["split"]) == {"train": 8, "validation": 1, "test": 1}
    assert (notes["split"] == pieces["split"][notes["piece_id"]].to_numpy()).all()
    piece = pieces.loc["folder/song"]
    assert piece["source"] == "music/folder/song.mid"
    assert (piece["licence"], piece["metre"], piece["beats_per_bar"]) == ("CC0", "4/4", 4)
    assert piece["tempo_bpm"] == pytest.approx(90)
    assert (piece["parts"], piece["length_beats"], piece["repairs"]) == (2, 20, "")
    own = notes[notes["piece_id"] == "folder/song"]
    by_part = {
        part: list(rows[["onset_beats", "duration_beats", "pitch_midi"]].itertuples(index=False))
        for part, rows in own.groupby("part")
    }
    assert by_part == {1: melody, 2: low}
    assert own["onset_seconds"].to_numpy() == pytest.approx(own["onset_beats"] * 60 / 90)


def test_the_same_files_give_the_same_bytes_and_no_path_of_this_machine(collect, tmp_path):
    files = {**songs(10), "bad.mid": b"MThd nothing", "a.txt": b"text"}
    names = ["notes.parquet", "pieces.parquet", "metrics.json"]
    collect(files)
    first = [(tmp_path / name).read_bytes() for name in names]
    collect()
    assert [(tmp_path / name).read_bytes() for name in names] == first
    assert not any(str(tmp_path).encode() in content for content in first)


def test_copies_in_another_key_tempo_or_file_are_dropped(collect):
    draw = random.Random(5)
    melody, low = tune(draw), bass(draw)
    copies = {
        "copy_0.mid": midi(melody, low),
        "copy_key.mid": midi(melody, low, key=-5),
        "copy_tempo.mid": midi(melody, low, bpm=80),
        "copy_slower.mid": midi(melody, low, stretch=1.37),
        "copy_tracks.mid": midi(low, melody, key=3, stretch=0.5),
        "copy_one_track.mid": midi([*melody, *low]),
        # Another rhythm is another piece.
        "other.mid": midi([(onset**1.5, 0.5, pitch) for onset, _, pitch in melody], low),
    }
    pieces, _, metrics = collect({**songs(8), **copies})
    assert metrics["dropped"]["duplicate"] == 5
    assert [name for name in pieces.index if not name.isdigit()] == ["copy_0", "other"]
    assert any("the same notes as copy_0" in example for example in metrics["examples"])


def test_pieces_with_the_same_melody_are_in_the_same_split(collect):
    draw = random.Random(7)
    files = {}
    for number in range(12):
        melody = tune(draw)
        # Another harmony; another key and tempo, and a part of the melody only.
        files[f"{number}_a.mid"] = midi(melody, bass(draw))
        files[f"{number}_b.mid"] = midi(melody, bass(draw), key=4, bpm=90)
        files[f"{number}_c.mid"] = midi(melody[10:], bass(draw), key=-3, stretch=2)
    params = PARAMS.model_copy(update={"validation_share": 0.2, "test_share": 0.3})
    pieces, _, metrics = collect(files, params=params)
    assert metrics["dropped"]["duplicate"] == 0
    assert metrics["pieces"] == {"total": 36, "train": 21, "validation": 6, "test": 9}
    by_melody = pieces.groupby(pieces.index.str.split("_").str[0])["split"].nunique()
    assert (by_melody == 1).all()


def test_scales_and_repeated_notes_do_not_link_melodies(collect):
    draw = random.Random(9)
    scale = [(i / 4, 0.25, 60 + [0, 2, 4, 5, 7, 9, 11][i % 7] + 12 * (i // 7)) for i in range(21)]
    trill = [(6 + i / 4, 0.25, 70 + i % 2) for i in range(20)]
    files = {}
    for number in range(10):
        between = [(20 + onset, 0.5, pitch) for onset, _, pitch in tune(draw)]
        late = [(50 + onset, length, pitch) for onset, length, pitch in trill]
        end = [(60 + onset, 0.5, pitch) for onset, _, pitch in tune(draw)]
        files[f"{number}.mid"] = midi([*scale, *between, *late, *end])
    pieces, _, _ = collect(files)
    assert set(pieces["split"]) == {"train", "validation", "test"}


def test_what_is_no_piece_is_counted(collect):
    drums = midi([(i, 1, 38) for i in range(8)], channel=9)
    single = midi([(0, 4, 60)])
    pieces, _, metrics = collect({**songs(10), "drums.mid": drums, "single.mid": single})
    assert len(pieces) == 10
    assert metrics["dropped"] == {
        "other_parts": 0, "no_pitched_notes": 1, "single_note": 1, "duplicate": 0,
    }  # fmt: skip
    assert "music/drums.mid (drums): only drums" in metrics["examples"]
    assert metrics["files"] == 12


def test_unreadable_and_other_files_do_not_stop_the_others(collect):
    bad = {"bad.mid": b"MThd nothing", "notes.txt": b"x", "README": b"x", ".hidden.mid": b"x"}
    _, _, metrics = collect({**songs(10), **bad})
    assert metrics["files"] == 10
    assert sum(metrics["refused"].values()) == 1
    assert metrics["left_out"] == {".txt": 1, "none": 1}
    assert metrics["examples"][0].startswith("music/bad.mid: ")


def test_only_pieces_with_the_named_parts_are_kept(collect, tmp_path):
    names = ["Soprano", "Bass"]
    for number, content in songs(12).items():
        collected = mido.MidiFile(file=io.BytesIO(content))
        for track, name in zip(collected.tracks, names if number != "3.mid" else "XY", strict=True):
            track.insert(0, mido.MetaMessage("track_name", name=name))
        (tmp_path / "raw" / "music").mkdir(parents=True, exist_ok=True)
        collected.save(tmp_path / "raw" / "music" / number)
    pieces, _, metrics = collect(part_names=names)
    assert "3" not in pieces.index
    assert metrics["dropped"]["other_parts"] == 1
    assert "music/3.mid (3): its parts are X, Y" in metrics["examples"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"'Mine' has no piece \(no file\): bring files of notes .*mine.yaml"),
        ({"a.txt": b"x", "b.txt": b"x"}, r"\(2 \.txt; music/a.txt: its ending"),
        ({"a.mid": midi([(0, 1, 60)])}, r"\(1 single_note; music/a.mid"),
        ({"a.mid": b"MThd"}, r"\(1 \w+; music/a.mid"),
        (songs(2), "too small for three splits"),
    ],
)
def test_too_little_is_one_clear_error(collect, tmp_path, files, message):
    with pytest.raises(StageError, match=message) as error:
        collect(files)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "pieces.parquet").exists()


def test_extreme_pieces_are_kept(collect):
    draw = random.Random(11)
    long = [(i * 72.0, 1, 60 + i % 7) for i in range(1000)]  # ten hours at 120 beats a minute
    tracks = [[(i, 1, 20 + i % 80) for i in range(t % 7, 40)] for t in range(100)]
    extreme = [(0, 1, 0), (1, 1, 127)]
    files = {"long.mid": midi(long), "tracks.mid": midi(*tracks), "extreme.mid": midi(extreme)}
    pieces, notes, _ = collect({**songs(5), **files, "chord.mid": midi(bass(draw)[:2])})
    assert pieces["parts"]["tracks"] == 100
    assert pieces["length_seconds"]["long"] > 9.9 * 3600
    assert set(notes["pitch_midi"][notes["piece_id"] == "extreme"]) == {0, 127}


def test_groups_are_drawn_whole_by_share_and_seed():
    groups = [0] * 30 + [i // 2 for i in range(2, 72)]
    splits = draw_splits(groups, 0.1, 0.2, 1)
    assert Counter(splits) == {"train": 70, "validation": 10, "test": 20}
    assert len({(g, s) for g, s in zip(groups, splits, strict=True)}) == len(set(groups))
    assert set(splits[:30]) == {"train"}  # too large for the others
    assert splits != draw_splits(groups, 0.1, 0.2, 2)
    assert sorted(draw_splits([0, 1, 2], 0.1, 0.1, 1)) == ["test", "train", "validation"]


def test_pieces_are_linked_through_others():
    codes = [np.array(values, dtype=np.uint64) for values in ([1, 2], [3], [2, 4], [], [4, 5], [])]
    groups = group_by_melody(codes)
    assert groups[0] == groups[2] == groups[4]
    assert len(set(groups)) == 4


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="no shared data")
def test_folk_tunes_have_their_melody_in_part_1_above_the_chords(tmp_path):
    declaration = {"title": "N", "licence": "GPL-3", "sources": [{"path": "midi"}]}
    (tmp_path / "n.yaml").write_text(yaml.safe_dump(declaration))
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("notes", "pieces")}
    collect_notes.main(
        params=PARAMS, music=str(tmp_path / "n.yaml"), raw=SHARED_DATA, **outputs,
        metrics=tmp_path / "m.json",
    )  # fmt: skip
    assert pq.read_metadata(outputs["pieces"]).num_rows == 50
    notes = pd.read_parquet(outputs["notes"])
    assert (notes["part"][notes["track"] == 1] == 1).all()
    assert (notes["part"][notes["track"] == 2] > 1).all()


def test_voices_of_chorales_are_soprano_alto_tenor_and_bass(collect):
    chorales = {"package": "music21", "path": "corpus/bach", "files": r"bwv3[056]\d\.mxl"}
    names = ["Soprano", "Alto", "Tenor", "Bass"]
    pieces, notes, metrics = collect(part_names=names, sources=[chorales])
    assert (pieces["parts"] == 4).all()
    assert (notes["part"] == notes["track"]).all()
    assert pieces["source"]["bwv304"] == "music21: corpus/bach/bwv304.mxl"
    assert metrics["refused"] == {}
    # Pieces whose metre changes stay.
    assert set(pieces.index[pieces["metre_changes"]]) == {"bwv304", "bwv362"}


def test_a_missing_source_is_an_error_before_the_first_stage(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"")
    here, missing = (
        Collection(title="T", licence="L", sources=[{"path": name}]) for name in ("a.mid", "b.mid")
    )
    collect_notes.check(music=here, raw=tmp_path)
    with pytest.raises(StageError, match=r"there is no .*b\.mid: put it there, .*a\.mid"):
        collect_notes.check(music=missing, raw=tmp_path)
