"""The metrics of `evaluate_embedding`."""

from stages.core.metrics import Metrics


class Score(Metrics):
    """The score of a test.

    Attributes:
        score: Spearman's correlation or accuracy; None where all items score alike or none is
            covered.
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
    """The accuracy in a section of a set of analogies.

    Attributes:
        score: share of right answers.
        covered: number of questions whose words the model has.
    """

    score: float
    covered: int


class Sizes(Metrics):
    """Sizes in bytes.

    Attributes:
        vectors: file of the vectors, bytes.
        model: file of the other weights, bytes.
        as_dense: vectors as plain 32-bit numbers, bytes.
    """

    vectors: int
    model: int
    as_dense: int


class GloveFit(Metrics):
    """How dot products follow the logarithms of co-occurrence counts.

    Attributes:
        counts: number of pairs of words in the sample.
        correlation: Pearson's correlation, or None where either is constant.
        correlation_of_frequent_tenth: the same over the tenth with the highest counts.
    """

    counts: int
    correlation: float | None
    correlation_of_frequent_tenth: float | None


class Subwords(Metrics):
    """The n-grams of characters that a model of subwords has vectors for.

    Attributes:
        shortest_ngram: length in characters.
        longest_ngram: length in characters.
        buckets: number of vectors that n-grams share.
        jamo: whether Korean syllables are split into letters first.
    """

    shortest_ngram: int
    longest_ngram: int
    buckets: int
    jamo: bool


class EvaluateEmbeddingMetrics(Metrics):
    """What word vectors are and how they score.

    Attributes:
        kind: kind of the model, such as `glove`.
        dimensions: numbers of a vector.
        words: number of words.
        numbers_per_word: stored numbers of a vector on average.
        bytes: sizes of the files.
        scores: score by test.
        sections: score by set of analogies and by section.
        baselines: score without knowledge by test or kind of test.
        fit: fit of a model of counts, or None.
        words_without_vector: asked words that have no vector.
        tokens_per_epoch: tokens of one epoch; of predictive models.
        subwords: n-grams; of FastText.
        matrix: `documents` or `cooccurrence`; of LSA.
        filled: share of the matrix that is not zero; of LSA.
        singular_values: singular values, descending; of LSA.
        explained_variance: share of the variance that the dimensions keep; of LSA.
        counts: number of co-occurrence counts; of GloVe.
        cost: mean cost of a count after each epoch; of GloVe.
        file: name of the file; of pretrained vectors.
        words_in_file: number of words of the file that the corpus has; of pretrained vectors.
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
