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
        f"draws of as many chorales: {number(low, 2)} to {number(high, 2)}), against "
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
                f"is better. Chorales: {sizes}. On the canonical split of the same music (229, 76, "
                "77) Bai et al. 2018 report 8.91 for the simple cell, 8.45 for the LSTM and 8.43 "
                "for the GRU.",
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
