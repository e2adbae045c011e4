"""The metrics of `estimate_ngrams`."""

from stages.core.metrics import Metrics


class EstimateNgramsMetrics(Metrics):
    """How well n-grams predict words.

    Attributes:
        perplexity: perplexity per word by model (`unigram`, `bigram`, `trigram`) and split.
    """

    perplexity: dict[str, dict[str, float]]
