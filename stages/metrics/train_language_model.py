"""The metrics of `train_language_model`."""

from stages.core.metrics import TrainingMetrics


class TrainLanguageModelMetrics(TrainingMetrics):
    """How well a recurrent language model predicts words.

    Attributes:
        perplexity: perplexity per word by split.
    """

    perplexity: dict[str, float]
