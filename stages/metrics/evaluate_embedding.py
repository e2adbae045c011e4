"""The metrics of `evaluate_embedding`."""

from stages.core.metrics import Metrics


class Score(Metrics):
    """The score of a test.

    Attributes:
        score: Spearman's correlation or accuracy; None if all items have the same score or none
            is covered.
        low: lower bound of its 95 % interval, or None.
        high: upper bound of its 95 % interval, or None.
        covered: number of items whose words the model has.
        items: number of items of the test.
    """

    score: float | None
    low: float | None
    high: float | None
    covered: int
    items: int


class SectionScore(Metrics):
    """The accuracy in a section of an analogy test.

    Attributes:
        score: share of correct answers.
        covered: number of questions whose words the model has.
    """

    score: float
    covered: int


class Sizes(Metrics):
    """Sizes in bytes.

    Attributes:
        vectors: size of the file of the vectors, bytes.
        model: size of the file of the other weights, bytes.
        as_dense: size of the vectors as dense 32-bit floats, bytes.
    """

    vectors: int
    model: int
    as_dense: int


class GloveFit(Metrics):
    """How well dot products fit the logarithms of co-occurrence counts.

    Attributes:
        counts: number of word pairs in the sample.
        correlation: Pearson's correlation, or None if either is constant.
        correlation_of_frequent_tenth: Pearson's correlation over the tenth with the highest counts.
    """

    counts: int
    correlation: float | None
    correlation_of_frequent_tenth: float | None


class Subwords(Metrics):
    """The character n-grams of a subword model.

    Attributes:
        shortest_ngram: minimum length, characters.
        longest_ngram: maximum length, characters.
        buckets: number of vectors that the n-grams share.
        jamo: whether Korean syllables are split into jamo first.
    """

    shortest_ngram: int
    longest_ngram: int
    buckets: int
    jamo: bool


class EvaluateEmbeddingMetrics(Metrics):
    """Size and scores of word vectors.

    Attributes:
        kind: kind of the model, such as `glove`.
        dimensions: number of dimensions of a vector.
        words: number of words.
        numbers_per_word: mean number of stored values per vector.
        bytes: sizes of the files.
        scores: score by test.
        sections: accuracy by analogy test and section.
        baselines: score of the baseline by test or kind of test.
        fit: fit to the co-occurrence counts, or None.
        words_without_vector: words of the parameters that have no vector.
        tokens_per_epoch: number of tokens in an epoch; only of predictive models.
        subwords: character n-grams; only of FastText.
        matrix: `documents` or `cooccurrence`; only of LSA.
        filled: share of nonzero entries of the matrix; only of LSA.
        singular_values: singular values in descending order; only of LSA.
        explained_variance: share of the variance that the dimensions explain; only of LSA.
        counts: number of co-occurrence counts; only of GloVe.
        cost: mean cost per count after each epoch; only of GloVe.
        file: name of the file; only of pretrained vectors.
        words_in_file: number of words in the file; only of pretrained vectors.
    """

    kind: str
    dimensions: int
    words: int
    numbers_per_word: float
    bytes: Sizes
    scores: dict[str, Score]
    sections: dict[str, dict[str, SectionScore]]
    baselines: dict[str, float]
    fit: GloveFit | None
    words_without_vector: list[str]
    tokens_per_epoch: int | None = None
    subwords: Subwords | None = None
    matrix: str | None = None
    filled: float | None = None
    singular_values: list[float] | None = None
    explained_variance: float | None = None
    counts: int | None = None
    cost: list[float] | None = None
    file: str | None = None
    words_in_file: int | None = None
