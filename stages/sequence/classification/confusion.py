"""The confusion of the classes of a classifier."""

import pandas as pd
import pyarrow as pa


def confusion_counts(truth: list[str], predictions: list[str]) -> pa.Table:
    """Return the table `confusion`: the count of each pair of a true and a predicted class."""
    pairs = pd.DataFrame({"truth": truth, "prediction": predictions}, dtype="str")
    counts = pairs.groupby(["truth", "prediction"]).size().rename("count").reset_index()
    return pa.Table.from_pandas(counts, preserve_index=False)
