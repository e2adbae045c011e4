"""Classifiers, their parameters and what they cost."""

import math
import warnings
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from stages.clustering.points import sample
from stages.core.params import Params, load_kind
from stages.metrics.train_learner import CostMetrics

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Values = Field(min_length=1)


class LearnerParams(Params):
    """The parameters that all sections of `clustering.train_learner` share.

    Those that are lists are chosen on the validation split.
    """

    kind: str

    def candidates(self, training_documents: int) -> list[dict[str, Any]]:
        """Return the combinations of the listed values, each once, in their order."""
        listed = {name: values for name, values in self if isinstance(values, list)}
        return list(ParameterGrid(listed))

    def fitted(self, training_documents: int) -> np.ndarray:
        """Return the rows of the training documents that the classifier is fitted on."""
        return np.arange(training_documents)


class NearestNeighboursParams(LearnerParams):
    """A section of the kind `nearest_neighbours`."""

    k: list[Count | None] = Values

    def candidates(self, training_documents: int) -> list[dict[str, Any]]:
        """Return the numbers of neighbours; `null` is the square root of the documents."""
        root = max(1, round(math.sqrt(training_documents)))
        numbers = [min(k or root, training_documents) for k in self.k]
        return [{"k": k} for k in sorted(set(numbers))]


class LogisticRegressionParams(LearnerParams):
    """A section of the kind `logistic_regression`."""

    c: list[Positive] = Values
    max_iterations: int = Field(ge=1)


class LinearSvmParams(LearnerParams):
    """A section of the kind `linear_svm`."""

    c: list[Positive] = Values
    max_iterations: int = Field(ge=1)
    seed: int


class RbfSvmParams(LearnerParams):
    """A section of the kind `rbf_svm`."""

    c: list[Positive] = Values
    gamma: list[Positive] = Values
    fitted_documents: int = Field(ge=2)
    seed: int

    def fitted(self, training_documents: int) -> np.ndarray:
        """Return a sample of the rows, because time grows with the square of their number."""
        return sample(training_documents, self.fitted_documents, self.seed)


class DecisionTreeParams(LearnerParams):
    """A section of the kind `decision_tree`."""

    max_leaves: list[Annotated[int, Field(ge=2)]] = Values
    min_documents: int = Field(ge=1)
    seed: int


class RandomForestParams(LearnerParams):
    """A section of the kind `random_forest`."""

    min_leaf_documents: list[Count] = Values
    trees: int = Field(ge=1)
    seed: int


class PerceptronParams(LearnerParams):
    """A section of the kind `perceptron`."""

    alpha: list[Positive] = Values
    hidden_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    seed: int


class Learner(NamedTuple):
    """A classifier.

    Attributes:
        params: the type of its parameters.
        build: function from its parameters and chosen values to an estimator of scikit-learn.
        cost: function from the fitted estimator to its iterations, stored numbers and operations.
        reads_words: whether it reads TF-IDF of words instead of vectors.
    """

    params: type[LearnerParams]
    build: Callable[[Any, dict[str, Any]], Any]
    cost: Callable[[Any], CostMetrics]
    reads_words: bool = False


def _nearest_neighbours(params: NearestNeighboursParams, chosen: dict[str, Any]) -> Any:
    """K nearest neighbours (Cover and Hart 1967)."""
    return KNeighborsClassifier(chosen["k"], n_jobs=1)


def _logistic_regression(params: LogisticRegressionParams, chosen: dict[str, Any]) -> Any:
    """Multinomial logistic regression."""
    return LogisticRegression(C=chosen["c"], max_iter=params.max_iterations)


def _linear_svm(params: LinearSvmParams, chosen: dict[str, Any]) -> Any:
    """Linear support vector machine, one class against the rest."""
    return LinearSVC(C=chosen["c"], max_iter=params.max_iterations, random_state=params.seed)


def _rbf_svm(params: RbfSvmParams, chosen: dict[str, Any]) -> Any:
    """Support vector machine with a Gaussian kernel, for pairs of classes."""
    return SVC(C=chosen["c"], gamma=chosen["gamma"])


def _decision_tree(params: DecisionTreeParams, chosen: dict[str, Any]) -> Any:
    """Decision tree (Breiman et al. 1984), grown best first."""
    return DecisionTreeClassifier(max_leaf_nodes=chosen["max_leaves"], random_state=params.seed)


def _random_forest(params: RandomForestParams, chosen: dict[str, Any]) -> Any:
    """Random forest (Breiman 2001)."""
    return RandomForestClassifier(
        params.trees,
        min_samples_leaf=chosen["min_leaf_documents"],
        random_state=params.seed,
        n_jobs=1,
    )


def _perceptron(params: PerceptronParams, chosen: dict[str, Any]) -> Any:
    """Multi-layer perceptron with one hidden layer, trained by Adam (Kingma and Ba 2015)."""
    return MLPClassifier(
        (params.hidden_size,),
        alpha=chosen["alpha"],
        learning_rate_init=params.learning_rate,
        max_iter=params.epochs,
        random_state=params.seed,
    )


def _of_neighbours(model: KNeighborsClassifier) -> CostMetrics:
    numbers = model.n_samples_fit_ * model.n_features_in_
    return CostMetrics(iterations=0, numbers=numbers, operations=numbers)


def _of_linear(model: LogisticRegression | LinearSVC) -> CostMetrics:
    numbers = model.coef_.size + model.intercept_.size
    return CostMetrics(iterations=int(np.max(model.n_iter_)), numbers=numbers, operations=numbers)


def _of_kernel(model: SVC) -> CostMetrics:
    # A kernel for each support vector, and a sum over them for each pair of classes.
    kernels = model.support_vectors_.size
    sums = model.dual_coef_.size
    return CostMetrics(
        iterations=int(np.sum(model.n_iter_)), numbers=kernels + sums, operations=kernels + sums
    )


def _of_tree(model: DecisionTreeClassifier) -> CostMetrics:
    depth = model.get_depth()
    return CostMetrics(iterations=depth, numbers=2 * model.tree_.node_count, operations=depth)


def _of_forest(model: RandomForestClassifier) -> CostMetrics:
    parts = [_of_tree(tree) for tree in model.estimators_]
    return CostMetrics(
        iterations=sum(part.iterations for part in parts),
        numbers=sum(part.numbers for part in parts),
        operations=sum(part.operations for part in parts),
    )


def _of_perceptron(model: MLPClassifier) -> CostMetrics:
    numbers = sum(own.size for own in (*model.coefs_, *model.intercepts_))
    return CostMetrics(iterations=model.n_iter_, numbers=numbers, operations=numbers)


LEARNERS: dict[str, Learner] = {
    "nearest_neighbours": Learner(NearestNeighboursParams, _nearest_neighbours, _of_neighbours),
    "logistic_regression": Learner(LogisticRegressionParams, _logistic_regression, _of_linear),
    "linear_svm": Learner(LinearSvmParams, _linear_svm, _of_linear),
    "rbf_svm": Learner(RbfSvmParams, _rbf_svm, _of_kernel),
    "decision_tree": Learner(DecisionTreeParams, _decision_tree, _of_tree, reads_words=True),
    "random_forest": Learner(RandomForestParams, _random_forest, _of_forest),
    "perceptron": Learner(PerceptronParams, _perceptron, _of_perceptron),
}


def load_params(section: str) -> LearnerParams:
    """Return the parameters of a classifier, checked for its kind."""
    return load_kind(section, {kind: own.params for kind, own in LEARNERS.items()})


def fit(model: Any, vectors: Any, labels: np.ndarray) -> bool:
    """Fit an estimator in place, and return whether it converged.

    Args:
        model: classifier of scikit-learn.
        vectors: vectors or sparse weights of documents, (documents, dimensions).
        labels: labels of the documents, (documents,).
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(vectors, labels)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return not any(issubclass(own.category, ConvergenceWarning) for own in caught)
