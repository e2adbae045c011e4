"""What the page says of the prediction of chords."""

from stages.metrics.predict_chords import PredictChordsMetrics
from stages.report.page.content import Table, number
from stages.report.sequence.result import Result, Tables, stages_of, validation_curves

STAGE = "predict_chords"


def chords(cells: dict[str, PredictChordsMetrics], curves: Tables) -> Result:
    """Return the result of predicting the next chord.

    Args:
        cells: metrics of each cell.
        curves: training curve of each cell.
    """
    nats = {cell: own.nats_per_frame["test"] for cell, own in cells.items()}
    ranked = sorted(nats, key=nats.__getitem__)
    best = ranked[0]
    low, high = cells[best].test_interval
    frequency = cells[best].pitch_frequency_nats_per_frame
    sentence = (
        f"{best} predicts the next chord best, at {number(nats[best], 2)} nats per frame (95% of "
        f"draws of as many pieces: {number(low, 2)} to {number(high, 2)}), against "
        f"{number(frequency['test'], 2)} from how often each pitch sounds"
    )
    if len(ranked) > 1:
        sentence += f"; {ranked[-1]} is last at {number(nats[ranked[-1]], 2)}"
    models = {"each pitch's frequency": frequency}
    models |= {cell: own.nats_per_frame for cell, own in cells.items()}
    sizes = ", ".join(f"{n} in {split}" for split, n in cells[best].pieces.items())
    return Result(
        "Chords",
        stages_of(STAGE, cells),
        "nats per frame",
        best,
        f"{sentence}.",
        {cell: number(value, 2) for cell, value in nats.items()},
        cells,
        [
            Table(
                "Negative log-likelihood of the next quarter note's chord in nats per frame, lower "
                f"is better. Pieces: {sizes}{_left_out(cells[best].left_out)}. On the canonical "
                "split of Bach's chorales (229, 76, 77) Bai et al. 2018 report 8.91 for the simple "
                "cell, 8.45 for the LSTM and 8.43 for the GRU.",
                ["model", "train", "validation", "test", "best epoch"],
                [
                    [
                        name,
                        *(number(own[split], 2) for split in ("train", "validation", "test")),
                        f"{cells[name].best_epoch} of {cells[name].epochs}"
                        if name in cells
                        else "–",
                    ]
                    for name, own in models.items()
                ],
            ),
            validation_curves(curves, "nats per frame"),
        ],
    )


def _left_out(counts: dict[str, int]) -> str:
    """Return in words what was left out, after a semicolon."""
    names = {
        "drums": "notes of drums",
        "outside_piano": "notes that a piano lacks",
        "single_chord": "pieces of a single chord",
    }
    found = [f"{number(counts[key])} {name}" for key, name in names.items() if counts[key]]
    return f"; left out: {', '.join(found)}" if found else ""
