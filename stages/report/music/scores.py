"""What the page says of the scores of the composer."""

from stages.metrics.score_composer import BASELINES, Comparison, ScoreComposerMetrics
from stages.report.page.content import Block, Section, Table, Text, number, percent

KINDS = {
    "real": "real",
    "composer": "composer",
    "markov_parts": "Markov, parts",
    "markov_chords": "Markov, chords",
    "random": "random notes",
}
FEATURES = {
    "empty_bars": "empty bars of a part",
    "pitch_classes_per_bar": "pitch classes in a bar of a part",
    "notes_per_bar": "notes in a bar, all parts together",
    "note_length_beats": "length of a note in quarter notes",
    "qualified_notes": "notes of two steps or more",
    "on_beat": "notes that begin on a beat",
    "in_key": "notes in the key",
    "range_semitones": "range of a part in semitones",
    "polyphony": "pitches sounding at once",
    "tonal_distance": "tonal distance between parts",
    "consonance": "consonant intervals",
    "parallels": "parallel fifths and octaves",
    "crossings": "crossed voices",
    "ends_on_tonic": "pieces that end on the tonic",
    "mean_overlap": "mean overlap area",
    "mean_divergence": "mean Kullback-Leibler divergence",
    "frechet_distance": "Frechet distance",
}
# Harmonized melodies may differ from free passages by this share of a score.
TOLERANCE = 0.1


def verdict(scored: ScoreComposerMetrics) -> str:
    """Return in words on how many scores the composer beats the simple methods."""
    counts = []
    for kind in BASELINES:
        nearer = [row.nearer[kind] for row in scored.scores.values()]
        ties, beaten = nearer.count("tie"), nearer.count("baseline")
        counts.append(
            f"{nearer.count('composer')} of {len(nearer)} against {_plain(kind)} "
            f"({ties} tied, {beaten} lost)"
        )
    return f"The composer is nearer to held-out music than simple methods on {', '.join(counts)}."


def _plain(kind: str) -> str:
    return {
        "markov_parts": "a Markov chain for each part",
        "markov_chords": "a Markov chain over chords",
        "random": "random notes",
    }[kind]


def scores_section(scored: ScoreComposerMetrics) -> Section:
    """Return the section on the scores."""
    blocks: list[Block] = [_scores(scored), Text(_lost(scored))]
    blocks += [
        _distributions(
            scored.overlap,
            "Overlap area of the distributions of each feature (Yang and Lerch 2018): distances "
            "within half of the held-out pieces, and between them and others; real is the other "
            "half, and 1 is best.",
        ),
        _distributions(
            scored.divergence,
            "Kullback-Leibler divergence of the same distributions in nats; 0 is best.",
        ),
        _novelty(scored),
    ]
    if scored.melodies_returned is not None:
        blocks.append(_harmonized(scored))
    return Section("Scores", ["score_composer"], blocks)


def _scores(scored: ScoreComposerMetrics) -> Table:
    rows = []
    for name, row in scored.scores.items():
        low, high = map(number, row.composer_interval)
        values = {kind: number(getattr(row, kind)) for kind in KINDS}
        values["composer"] += f" ({low} to {high})"
        verdicts = [{"composer": "composer", "baseline": "other", "tie": "tie"}[row.nearer[kind]]
                    for kind in BASELINES]  # fmt: skip
        rows.append([FEATURES[name], *values.values(), " · ".join(verdicts)])
    passages = scored.passages
    return Table(
        f"{number(passages['composer'])} composed passages of {scored.bars} bars beside "
        f"{number(passages['real'])} of held-out pieces, and {number(scored.pieces)} composed "
        f"pieces of {scored.piece_bars} bars. Brackets are 95% intervals. The last column says for "
        "each simple method in turn whether the composer or the other one is nearer to real music; "
        "tie means that a 95% interval cannot tell.",
        ["score", *KINDS.values(), "nearer to real"],
        rows,
    )


def _lost(scored: ScoreComposerMetrics) -> str:
    lost = {
        kind: [FEATURES[n] for n, row in scored.scores.items() if row.nearer[kind] == "baseline"]
        for kind in BASELINES
    }
    sentences = [
        f"{_plain(kind).capitalize()} beats the composer on: {', '.join(names)}."
        if kind != "random"
        else f"Random notes beat it on: {', '.join(names)}."
        for kind, names in lost.items()
        if names
    ]
    rule = (
        "That pieces end on the tonic is a rule: of the drafts of the last passage, those that do "
        "are preferred."
    )
    return " ".join([*(sentences or ["No simple method beats the composer on any score."]), rule])


def _distributions(rows: dict[str, Comparison], caption: str) -> Table:
    return Table(
        caption,
        ["feature", *KINDS.values()],
        [
            [FEATURES[name], *(number(getattr(row, kind)) for kind in KINDS)]
            for name, row in rows.items()
        ],
    )


def _novelty(scored: ScoreComposerMetrics) -> Table:
    return Table(
        f"How much occurs in the training music: bars and passages of {scored.bars} bars with the "
        "same notes in all parts, and the longest run of notes of a part with the same pitches and "
        "lengths.",
        ["music", "bars seen", "passages seen", "longest run", "different bars"],
        [
            [
                KINDS[kind],
                percent(scored.novelty[kind].bars_seen),
                percent(scored.novelty[kind].passages_seen),
                number(scored.novelty[kind].longest_run),
                percent(scored.novelty[kind].distinct_bars),
            ]
            for kind in KINDS
        ],
    )


def _harmonized(scored: ScoreComposerMetrics) -> Table:
    off = [
        FEATURES[name]
        for name, row in scored.harmonized.items()
        if abs(row.harmonized - row.composer) > TOLERANCE * abs(row.composer)
    ]
    within = (
        f"more than 10% from free passages on: {', '.join(off)}"
        if off
        else "within 10% of free passages on every score"
    )
    return Table(
        f"Held-out melodies with parts of the composer below them: "
        f"{percent(scored.melodies_returned)} come back note for note, {within}.",
        ["score", "free", "with a given melody"],
        [
            [FEATURES[name], number(row.composer), number(row.harmonized)]
            for name, row in scored.harmonized.items()
        ],
    )
