import base64
import dataclasses
import io
import json
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.core.contracts import Contract
from stages.core.errors import StageError
from stages.report import embedding, music, render, sequence, validation
from stages.report.content import Page, Table, number, percent
from stages.report.inputs import Inputs

ROOMS = render.ROOMS
PAGES = ["index", *ROOMS, "validation"]
VARIANTS = {
    "train_embedding": ["cbow", "skipgram"],
    "evaluate_embedding": ["cbow", "skipgram"],
    **{stage: ["rnn", "gru"] for stage in sequence.TASKS},
    "cluster": ["words"],
    "project": ["words"],
}
PARAMS = {
    "corpus": "<script>alert('caught')</script>",
    "embedding": {"models": {"cbow": {}, "skipgram": {}}},
    "sequence": {"cells": ["rnn", "gru"]},
    "clustering": {"cluster": {"words": {}}},
}
FOLDERS = ("metrics", "validation", "curves", "costs")
HOSTILE = "<script>alert('caught')</script>"


@pytest.fixture
def inputs(tmp_path):
    data = {room: tmp_path / room for room in ROOMS}
    for folder in [*data.values(), *(tmp_path / n for n in FOLDERS)]:
        folder.mkdir()
    folders = (tmp_path / name for name in FOLDERS)
    return Inputs(data, *folders, VARIANTS)


def write_json(path: Path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def small(inputs):
    """Inputs of every room, as small as they may be, with words that try to be markup."""
    write_text(inputs)
    write_embedding(inputs)
    write_sequence(inputs)
    write_clusters(inputs)
    write_music(inputs)
    contract = Contract("things", pa.schema([pa.field("n", pa.int64(), nullable=False)]))
    pq.write_table(pa.table({"n": [1, 2]}), inputs.validation / "things.parquet")
    checked = {"things": contract.check(inputs.validation / "things.parquet")}
    write_json(inputs.validation / "train_embedding/cbow.json", checked)
    return inputs


def write_text(inputs):
    folder = inputs.data["text"]
    frames = {
        "vocabulary": {
            "token": ["<unk>", "<bos>", "<eos>", HOSTILE, "is", "so"],
            "count": [1, 2, 2, 3, 2, 1], "document_count": [None, 1, 1, 2, 1, 1],
        },
        "lengths": {"split": ["test", "train", "train"], "tokens": [1, 1, 9],
                    "documents": [1, 2, 1]},
        "growth": {"tokens": [2, 4, 5], "types": [1, 2, 2]},
        "label_words": {"label": ["a", "a", "b"], "token": [HOSTILE, "so", "is"],
                        "score": [3.0, 2.0, 1.0], "count": [3, 2, 1]},
        "examples": {
            "doc_id": ["a#1", HOSTILE], "split": ["train", "test"],
            "text": [f"{HOSTILE} is what this document says. So.", "x " * 40],
            "tokens": [[HOSTILE, "is", "so"], ["x"]], "sentence_lengths": [[2, 1], [1]],
        },
    }  # fmt: skip
    for name, columns in frames.items():
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    write_json(
        inputs.metrics / "collect.json",
        {
            "corpus": {"name": "mine", "title": HOSTILE, "licence": "none", "homepage": None,
                       "language": "english", "sources": ["data/raw: m.csv"]},
            "split_unit": "document", "groups": 1, "labels": 1, "given_splits": ["test"],
            "documents": {"total": 2, "train": 1, "validation": 0, "test": 1},
            "dropped": {"too_short": 4}, "changed": {"markup": 3, "cut": 0},
            "examples": [f"m.csv line 2: {HOSTILE}"],
        },
    )  # fmt: skip
    write_json(
        inputs.metrics / "tokenize.json",
        {
            "language": "english",
            "tokens": {"total": 5, "train": 5, "validation": 0, "test": 0},
            "sentences": {"total": 3, "train": 2, "validation": 0, "test": 1},
            "types": 2, "vocabulary": 3, "dropped": {"no_token": 0},
            "coverage": {"train": 1.0, "validation": None, "test": 0.5},
        },
    )  # fmt: skip
    write_json(
        inputs.metrics / "describe.json",
        {"zipf_exponent": -1.07, "zipf_factor": 3.0, "heaps_exponent": 0.6, "heaps_factor": 1.5,
         "labels": 2, "labels_described": 2},
    )  # fmt: skip


def write_sequence(inputs):
    counts = {"weights": 9, "recurrent_multiply_adds_per_step": 7, "steps_seen": 50,
              "best_epoch": 2, "epochs": 2}  # fmt: skip
    scores = {"train": 20.0, "validation": 30.0, "test": 31.0}
    write_json(
        inputs.metrics / "estimate_ngrams.json",
        {"perplexity": {"unigram": {k: v * 9 for k, v in scores.items()}, "bigram": scores}},
    )
    for cell, test in (("rnn", 25.2), ("gru", 21.0)):
        write_json(
            inputs.metrics / f"train_language_model/{cell}.json",
            {"perplexity": {"train": 18.0, "validation": 20.0, "test": test}, **counts},
        )
        curve = {"epoch": [1, 2], "train_loss": [3.5, 3.1], "validation_loss": [3.4, 3.0],
                 "gradient_norm": [4.0, 2.0], "clipped_share": [1.0, 0.5]}  # fmt: skip
        for task, columns in (("train_language_model", curve), ("remember", {**curve, "gap": 8})):
            path = inputs.curves / task / f"{cell}.csv"
            path.parent.mkdir(exist_ok=True)
            pd.DataFrame(columns).to_csv(path, index=False)
        folder = inputs.data["sequence"] / "language_model" / cell
        folder.mkdir(parents=True)
        pd.DataFrame({"temperature": [0.5, 1.0, 1.5], "text": f"{HOSTILE} and {cell}"}).to_parquet(
            folder / "paragraphs.parquet"
        )
        pd.DataFrame(
            {"surprise": ["most", "least"], "rank": 1, "text": HOSTILE, "nats_per_word": [9.0, 1]}
        ).to_parquet(folder / "sentences.parquet")
        error, fall = (0.16, 1e-20) if cell == "rnn" else (0.001, 1e-2)
        gap = {"mean_squared_error": error, "solved": error < 0.01, "updates": 40, **counts}
        write_json(
            inputs.metrics / f"remember/{cell}.json",
            {"always_one": 1 / 6, "gaps": {"4": {**gap, "solved": True}, "8": gap}},
        )
        folder = inputs.data["sequence"] / "remember" / cell
        folder.mkdir(parents=True)
        pd.DataFrame(
            [
                {
                    "gap": 8,
                    "training": when,
                    "steps_back": back,
                    "gradient_norm": fall ** (back / 7),
                }
                for when in ("before", "after")
                for back in range(8)
            ]
        ).to_parquet(folder / "gradients.parquet")


def write_classifiers(inputs):
    """Documents, digits and chords, of which gru is better at the first two."""
    counts = {"weights": 9, "recurrent_multiply_adds_per_step": 7, "steps_seen": 50,
              "best_epoch": 2, "epochs": 2}  # fmt: skip
    baseline = {"accuracy": 0.7, "accuracy_interval": [0.6, 0.8], "macro_f1": 0.6}
    write_json(
        inputs.metrics / "score_document_baselines.json",
        {"majority": {**baseline, "accuracy": 0.5}, "tf_idf": {**baseline, "c": 10}},
    )
    for cell, accuracy in (("rnn", 0.6), ("gru", 0.9)):
        scores = {"accuracy": accuracy, "accuracy_interval": [accuracy - 0.05, accuracy + 0.05],
                  "macro_f1": accuracy, **counts}  # fmt: skip
        write_json(
            inputs.metrics / f"classify_documents/{cell}.json",
            {**scores, "labels": 30, "documents": {"train": 500, "validation": 50, "test": 60}},
        )
        write_json(
            inputs.metrics / f"read_digits/{cell}.json",
            {**scores, "rows": 8, "columns": 8, "images": {"test": 90}},
        )
        splits = dict.fromkeys(("train", "validation", "test"), 9.0)
        write_json(
            inputs.metrics / f"predict_chords/{cell}.json",
            {"nats_per_frame": {**splits, "test": 9.5 - accuracy}, "test_interval": [8.25, 9.75],
             "pitch_frequency_nats_per_frame": {**splits, "test": 11.0},
             "pieces": {"train": 8, "validation": 1, "test": 1}, **counts},
        )  # fmt: skip
        for task in ("classify_documents", "read_digits", "predict_chords"):
            path = inputs.curves / task / f"{cell}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"epoch": [1, 2], "validation_loss": [2.0, 1.5]}).to_csv(path, index=False)
        labels = [f"label {i}" for i in range(30)]
        for task, names in (("classify_documents", [HOSTILE, *labels]), ("read_digits", "0123")):
            folder = inputs.data["sequence"] / task / cell
            folder.mkdir(parents=True)
            pairs = [(name, name, 5) for name in names] + [(names[1], names[2], 3)]
            pd.DataFrame(pairs, columns=["truth", "prediction", "count"]).to_parquet(
                folder / "confusion.parquet"
            )
        moved = {
            "doc_id": ["a", "a", "b"], "excerpt": HOSTILE, "label": HOSTILE, "prediction": "x",
            "probability": 0.75, "rank": [1, 2, 1], "token": ["one", "two", HOSTILE],
            "change": [1.25, -0.5, 0.1],
        }  # fmt: skip
        folder = inputs.data["sequence"] / "classify_documents" / cell
        pd.DataFrame(moved).to_parquet(folder / "moved_words.parquet")


def write_clusters(inputs):
    folder = inputs.data["clustering"] / "words"
    folder.mkdir()
    names = [f"word{n}" for n in range(12)]
    cluster = [n % 3 for n in range(12)]
    pd.DataFrame({"point": names, "label": [None] * 12}).to_parquet(folder / "points.parquet")
    pd.DataFrame({"point": names, "cluster": cluster}).to_parquet(folder / "members.parquet")
    pd.DataFrame({"cluster": [0, 1, 2], "size": 4, "name": [HOSTILE, "b, c", "d"]}).to_parquet(
        folder / "clusters.parquet"
    )
    angle = np.linspace(0, 6, 12)
    plane = pd.DataFrame({"point": names, "x": np.cos(angle), "y": np.sin(angle)})
    pd.concat([plane.assign(method="pca"), plane.assign(method="tsne")]).to_parquet(
        folder / "projection.parquet"
    )
    write_json(
        inputs.metrics / "cluster/words.json",
        {
            "points": 12, "clusters": 3, "silhouette": 0.5, "adjusted_rand": None,
            "normalized_mutual_info": None,
        },
    )  # fmt: skip
    write_json(inputs.metrics / "project/words.json", {"pca_explained_variance": 0.4})


def write_music(inputs):
    folder = inputs.data["music"]
    notes = {"part": ["soprano", "bass"], "onset_beats": [0.0, 1.0]}
    pd.DataFrame({**notes, "duration_beats": 1.0, "pitch_midi": [72, 48]}).to_parquet(
        folder / "composition.parquet"
    )
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        tone = np.sin(np.arange(16_000) * 0.3) * 9000
        wav.writeframes(tone.astype("<i2").tobytes())
    (folder / "composition.wav").write_bytes(sound.getvalue())
    (folder / "composition.mid").write_bytes(b"MThd")
    row = {"real": 0.9, "composer": 0.8, "random": 0.5, "nearer": "composer"}
    write_json(
        inputs.metrics / "score_composer.json",
        {
            "scores": {
                "consonance": row, "polyphony": row | {"nearer": "tie"},
                "notes_per_bar": row | {"nearer": "random"},
            },
            "passages": {"real": 5, "composer": 6, "random": 6},
            "distinct_bars": 1.0, "bars_seen_in_training": 0.0,
        },
    )  # fmt: skip
    write_json(
        inputs.metrics / "collect_notes.json",
        {"pieces": {"total": 10, "train": 8}, "dropped": {"duplicate": 1}},
    )
    columns = ["generator_loss", "discriminator_loss", "wasserstein_distance"]
    curve = pd.DataFrame({"round": [1, 2], **{name: [0.5, 0.25] for name in columns}})
    curve.to_csv(inputs.curves / "train_composer.csv", index=False)


def write_embedding(inputs):
    comparison = []
    for model, score in (("cbow", 0.2), ("skipgram", 0.4)):
        write_json(
            inputs.metrics / f"evaluate_embedding/{model}.json",
            {
                "words": 2, "dimensions": 3, "numbers_per_word": 3.0, "words_without_vector": ["x"],
                "bytes": {"vectors": 1000, "model": 2000, "as_dense": 24}, "fit": None,
                "baselines": {"similarity": 0.0, "analogies": 0.1, "blank in 1": 0.01},
                "sections": {"analogies": {"capitals": {"score": score, "covered": 4}}},
            },
        )  # fmt: skip
        comparison.append(("WordSim-353", model, 9, score, 0.1, 0.5, 0.4 - score, 0.3 - score))
        comparison.append(("SimLex-999", model, 0, *[None] * 5))
        folder = inputs.data["embedding"] / model
        folder.mkdir()
        tables = {
            "neighbours": {"token": ["war"], "rank": [1], "neighbour": [HOSTILE]},
            "sums": {"expression": ["a - b + c"], "rank": [1], "token": [HOSTILE]},
            "blanks": {"sentence": ["a ___"], "answer": ["b"], "rank": [1], "guess": [HOSTILE]},
            "likely": {"token": ["war"], "rank": [1], "neighbour": [HOSTILE]},
            "positions": {"token": [HOSTILE], "x": [1.0], "y": [2.0]},
        }
        for name, columns in tables.items():
            pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    names = ["test", "model", "items", "score", "low", "high", "behind", "behind_low"]
    pd.DataFrame(comparison, columns=names).to_parquet(
        inputs.data["embedding"] / "comparison.parquet"
    )
    none = {"best": None, "score": None, "no_worse": [], "items": 0, "measure": "spearman"}
    best = {"best": "skipgram", "score": 0.4, "no_worse": ["cbow"], "items": 9,
            "measure": "spearman"}  # fmt: skip
    write_json(
        inputs.metrics / "compare_embeddings.json", {"WordSim-353": best, "SimLex-999": none}
    )


def render_all(inputs, target: Path) -> dict[str, str]:
    params = target.parent / "params.yaml"
    params.write_text(yaml.safe_dump(PARAMS))
    folders = [
        *inputs.data.values(),
        inputs.metrics,
        inputs.validation,
        inputs.curves,
        inputs.costs,
    ]
    outputs = [target / "index.html", target / "pages"]
    render.main([str(path) for path in [params, *folders, *outputs]])
    return {path.stem: path.read_text() for path in target.rglob("*.html")}


def test_report_has_every_page_in_equal_bytes(small, tmp_path):
    first = render_all(small, tmp_path / "first")
    assert set(first) == set(PAGES)
    assert render_all(small, tmp_path / "second") == first


def test_words_are_shown_and_never_run(small, tmp_path):
    for name, html in render_all(small, tmp_path / "report").items():
        assert HOSTILE not in html
        if name not in ("validation", "music"):
            assert "alert(&#39;caught&#39;)" in html or "\\u003cscript>" in html, name


def test_report_of_nothing_says_so(inputs, tmp_path):
    pages = render_all(inputs, tmp_path / "report")
    for name in (*ROOMS, "validation"):
        assert "has not been run yet" in pages[name]


def test_report_names_winners_and_losers(small):
    page = embedding.build(small)
    assert page.summary == "skipgram is ahead in WordSim-353."
    assert page.sections[0].blocks[1].rows == [["WordSim-353", "skipgram", "0.400", "cbow"]]
    assert page.sections[0].blocks[2].text.endswith("all models know: SimLex-999.")
    assert music.build(small).summary == (
        "On 1 of 3 scores the composer's passages are closer to held-out chorales than random "
        "notes are. Random notes beat it on: notes in a bar, all parts together."
    )


def test_sequence_page_says_what_its_numbers_say(small):
    page = sequence.build(small)
    assert page.summary == "The best cell by task: language model gru, remembering gru."
    comparison, language_model, remember = page.sections
    assert [row[:2] for row in comparison.blocks[0].rows] == [
        ["Language model, rnn", "perplexity 25.2"],
        ["Language model, gru", "perplexity 21.0"],
        ["Remembering, rnn", "gaps solved: 4"],
        ["Remembering, gru", "gaps solved: 4, 8"],
    ]
    assert comparison.blocks[0].rows[2][4] == "100"  # the steps of both gaps
    assert language_model.blocks[0].text == (
        "gru has the lowest test perplexity of the cells, 21.0, and rnn the highest, 20.0% above "
        "it; all of them beat the bigrams' 31.0."
    )
    assert remember.blocks[0].text == (
        "rnn adds two numbers over gaps up to 4; gru adds two numbers over gaps up to 8. Over 8 "
        "steps back the gradient of an untrained cell falls: rnn by 10^-20, gru by 10^-2."
    )
    charts = [block.spec["encoding"]["y"] for block in remember.blocks if block.kind == "chart"]
    assert [y["scale"]["type"] for y in charts] == ["log"] * 3
    quotes = [block.caption for block in language_model.blocks if block.kind == "quote"]
    assert [caption.split(";")[0] for caption in quotes] == [
        "made by gru at temperature 0.5",
        "made by gru at temperature 1",
        "made by gru at temperature 1.5",
        "made by rnn at temperature 1",
    ]


def test_sequence_page_names_who_failed(small):
    for path in (small.metrics / "train_language_model").iterdir():
        metrics = json.loads(path.read_text())
        metrics["perplexity"]["test"] += 10
        write_json(path, metrics)
    for path in (small.metrics / "remember").iterdir():
        metrics = json.loads(path.read_text())
        for gap in metrics["gaps"].values():
            gap["solved"] = False
        write_json(path, metrics)
    page = sequence.build(small)
    assert page.summary == "The best cell by task: language model gru, remembering none."
    _, language_model, remember = page.sections
    assert "rnn did not beat the bigrams' 31.0" in language_model.blocks[0].text
    assert remember.blocks[0].text.startswith("rnn solves no gap; gru solves no gap. Over 8")


def test_sequence_page_says_how_classes_and_chords_are_told(inputs, tmp_path):
    write_classifiers(inputs)
    page = sequence.build(inputs)
    assert page.summary == "The best cell by task: documents gru, digits gru, chords gru."
    comparison, documents, digits, chords = page.sections
    assert comparison.blocks[0].rows[0][:2] == ["Documents, rnn", "accuracy 60.0%"]
    assert documents.blocks[0].text == (
        "gru names the right one of 30 labels for 90.0% (95% interval: 85.0% to 95.0%) of 60 test "
        "documents; logistic regression on TF-IDF for 70.0%, which is less, beyond that interval."
    )
    assert [row[0] for row in documents.blocks[1].rows] == [
        "the commonest label", "TF-IDF, regression", "rnn", "gru"
    ]  # fmt: skip
    mistakes, moved = documents.blocks[3:]
    assert mistakes.rows == [["label 0", "label 1", "3"]]
    assert [row[2] for row in moved.rows] == ["one +1.2, two -0.5", f"{HOSTILE} +0.1"]
    assert digits.blocks[0].text == (
        "gru reads 90.0% (95% interval: 85.0% to 95.0%) of 90 test images of 8 rows rightly, and "
        "rnn, the last, 60.0%."
    )
    assert digits.blocks[3].caption.endswith("its commonest mistake is to take 1 for 2, 3 times.")
    assert chords.blocks[0].text == (
        "gru predicts the next chord best, at 8.60 nats per frame (95% of draws of as many "
        "chorales: 8.25 to 9.75), against 11.00 from how often each pitch sounds; rnn is last at "
        "8.90."
    )
    assert HOSTILE not in render_all(inputs, tmp_path / "report")["sequence"]


def test_sequence_page_without_labels_says_so(inputs):
    write_classifiers(inputs)
    for path in (inputs.metrics / "classify_documents").iterdir():
        write_json(path, {"accuracy": None, "unscored": "the corpus has no labels"})
    page = sequence.build(inputs)
    assert page.summary.startswith("The best cell by task: documents none, digits gru")
    assert page.sections[1].blocks[0].text == (
        "No documents were classified: the corpus has no labels."
    )
    assert len(page.sections[1].blocks) == 1


def test_measured_costs_are_shown_where_they_were_measured(small):
    def costs():
        return embedding.build(small).sections[-1].blocks[0]

    assert [row[-3:] for row in costs().rows] == [["–"] * 3] * 2
    measured = {"model": ["cbow"], "seconds": [2.5], "words_per_second": [1000], "peak_mib": [300],
                "corpus": ["news"]}  # fmt: skip
    pd.DataFrame(measured).to_csv(small.costs / "embedding.csv", index=False)
    assert costs().rows[0][-3:] == ["2.5", "1,000", "300"]
    assert "on news, not in this run" in costs().caption


def test_variants_taken_out_are_not_shown(small):
    left = dataclasses.replace(small, variants={**VARIANTS, "train_embedding": ["skipgram"]})
    left.variants["evaluate_embedding"] = ["cbow"]
    table = embedding.build(left).sections[0].blocks[0]
    assert table.header == ["test", "items", "cbow", "no knowledge"]
    assert left.checks() == {}


def test_data_docs_show_expectations(small):
    page = validation.build(small)
    assert page.summary.startswith("3 of 3 expectations about 1 tables were met")
    table, details = page.sections[0].blocks[0], page.sections[1].blocks[0]
    assert table.rows == [["things", "train_embedding@cbow", "3", "3"]]
    assert "values must never be null" in details.html
    assert " id=" not in details.html


def test_damaged_inputs_are_told(small):
    (small.metrics / "collect.json").write_text("{")
    with pytest.raises(StageError, match=r"collect\.json is damaged"):
        small.metric("collect")
    (small.data["text"] / "lengths.parquet").write_bytes(b"PAR1")
    with pytest.raises(StageError, match=r"lengths\.parquet is damaged"):
        small.table("text", "lengths")


def test_numbers_are_rounded_and_none_is_a_dash():
    assert [number(n) for n in (1234567, 0.12345, None)] == ["1,234,567", "0.123", "–"]
    assert percent(0.1234) == "12.3%"
    table = Table("", ["a", "b", "c"], [["x", "1", "–"], ["y", "2.5", "z"]])
    assert table.numeric == [False, True, False]
    assert Page("a", "A", "", []).has_charts is False


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("ETUDE_REQUIRE_CHROMIUM"):
            pytest.fail("no Chromium on PATH, and ETUDE_REQUIRE_CHROMIUM is set")
        pytest.skip("no Chromium on PATH: install it to look at the report in a browser")
    from playwright.sync_api import sync_playwright

    quiet = ["networking", "timer-throttling"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
                *("--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
                *(f"--disable-background-{thing}" for thing in quiet),
            ],
        )
        yield browser
        browser.close()


def look(browser, path: Path, width: int):
    """Open a page; return it with what it complained of and what it asked for outside itself."""
    page = browser.new_page(viewport={"width": width, "height": 844})
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    for chart in page.locator(".chart").all():
        chart.locator("svg").wait_for()
    outside = [url for url in requests if not url.startswith(("file:", "data:"))]
    return page, complaints, outside


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_in_a_browser(browser, finished_project, width):
    charts = 0
    for name in PAGES:
        file = "index.html" if name == "index" else f"pages/{name}.html"
        page, complaints, outside = look(browser, finished_project / "reports" / file, width)
        assert (complaints, outside) == ([], []), name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        for chart in page.locator(".chart").all():
            marks = chart.locator("svg .mark-symbol path, svg .mark-line path, svg .mark-rect path")
            assert marks.count() > 0, name
            assert chart.bounding_box()["width"] <= width
            charts += 1
        assert page.locator("h1").count() == 1
        page.close()
    assert charts >= 6


def test_map_names_points_and_switches_projection(browser, finished_project):
    page, complaints, _ = look(browser, finished_project / "reports/pages/clustering.html", 1280)
    chart = page.locator(".chart").first
    point = chart.locator("svg .mark-symbol path").nth(5)
    before = point.get_attribute("transform")
    point.hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for()
    assert "cluster" in tooltip.inner_text()
    chart.get_by_label("PCA").check()
    page.wait_for_timeout(300)
    assert chart.locator("svg .mark-symbol path").nth(5).get_attribute("transform") != before
    assert complaints == []


def test_music_plays(browser, finished_project):
    page, complaints, _ = look(browser, finished_project / "reports/pages/music.html", 1280)
    page.evaluate("document.querySelector('audio').play()")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
    assert page.evaluate("document.querySelector('audio').duration") > 1
    link = page.get_by_role("link", name="Download the MIDI file").get_attribute("href")
    assert base64.b64decode(link.split(",")[1])[:4] == b"MThd"
    assert complaints == []


def test_pages_are_reached_by_links_and_keyboard(browser, finished_project):
    page, _, _ = look(browser, finished_project / "reports/index.html", 390)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for title in ("Music", "Validation", "etude"):
        page.get_by_role("navigation").get_by_role("link", name=title).click()
        assert page.locator("nav [aria-current=page]").inner_text() == title
