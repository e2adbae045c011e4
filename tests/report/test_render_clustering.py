from page_inputs import HOSTILE, METRICS, content, write_metrics

from stages.core.metrics import read_metrics
from stages.metrics.compare_clusters import CandidateMetrics, CompareClustersMetrics
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.draw_regions import DrawRegionsMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.predict_number import PredictNumberMetrics
from stages.metrics.project import ProjectMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.metrics.trace_kmeans import TraceKmeansMetrics
from stages.report.page.content import Section


def section(title: str) -> Section:
    """Return a section of the page by its title."""
    return next(own for own in content("render_clustering").sections if own.title == title)


def test_the_best_clusters_are_named_with_their_interval_and_ties(inputs):
    page = content("render_clustering")
    assert page.summary == (
        "Use agglomerative clusters of glove vectors: of 6 clusterings of documents they agree "
        "best with the 2 labels on the validation split, and on the test split at an adjusted Rand "
        "index of 0.400 (95 % interval 0.300 to 0.500); kmeans clusters of glove vectors cannot be "
        "told apart."
    )
    structure, matrix, separated, agreeing, reduced, left_out = page.sections[0].blocks
    assert structure.text == (
        "The vectors of glove carry most structure of this corpus; the next are those of cbow, at "
        "0.200 by agglomerative."
    )
    assert matrix.header == ["method", "cbow", "glove"]
    assert matrix.rows[1] == ["agglomerative", "0.200", "0.400"]
    assert separated.rows == [
        ["kmeans", "3", "8.3%", "0.75", "0.500 (-0.125)", "0.500 (-0.125)", "1,234 (1)"],
        ["agglomerative (cosine)", "3", "8.3%", "–", *["0.500 (-0.125)"] * 2, "1,234 (1)"],
        ["dbscan", "1", "8.3%", "–", "–", "0.500 (-0.125)", "1,234 (1)"],
    ]
    assert "kmeans stopped before it converged; agglomerative saw 6 of 12" in separated.caption
    assert agreeing.rows[0] == ["kmeans", *["0.500 (-0.125)"] * 3]
    assert reduced.text.startswith(
        "The vectors of glove are sparse: their 5,000 dimensions are reduc"
    )
    assert left_out.text == "1 document has no vector in glove."


def test_the_second_embedding_is_called_tied_only_if_it_is_itself(inputs):
    path = METRICS / "compare_clusters.json"
    metrics = read_metrics(path, CompareClustersMetrics)
    for tied, end in (("cbow", "by agglomerative, which cannot be told apart."), ("lsa", "ive.")):
        others = [CandidateMetrics(method="kmeans", embedding=tied)]
        write_metrics(path, metrics.model_copy(update={"no_worse": others}))
        told = content("render_clustering").sections[0].blocks[0].text
        assert told.endswith(end)
        assert ("told apart" in told) == (tied == "cbow")


def test_clusters_that_are_not_above_chance_are_said_to_be_so(inputs):
    path = METRICS / "compare_clusters.json"
    metrics = read_metrics(path, CompareClustersMetrics)
    write_metrics(path, metrics.model_copy(update={"test_interval": (-0.01, 0.5)}))
    assert "which is not above chance" in content("render_clustering").summary


def test_a_map_of_another_embedding_than_the_best_is_said(inputs):
    path = METRICS / "compare_clusters.json"
    best = CandidateMetrics(method="kmeans", embedding="cbow")
    metrics = read_metrics(path, CompareClustersMetrics)
    write_metrics(path, metrics.model_copy(update={"best": best}))
    told = content("render_clustering").sections[0].blocks[1].text
    assert told.startswith(
        "The map of documents and the classifiers use glove: set clustering.maps"
    )


def test_without_labels_the_silhouette_is_told(inputs):
    path = METRICS / "compare_clusters.json"
    metrics = read_metrics(path, CompareClustersMetrics)
    nothing = {"unscored": "the corpus has no labels", "test_interval": None, "test": None}
    write_metrics(path, metrics.model_copy(update=nothing))
    page = content("render_clustering")
    assert page.summary == (
        "agglomerative clusters of glove vectors have the highest silhouette, 0.500. They were "
        "not compared with labels: the corpus has no labels."
    )
    assert len(page.sections[0].blocks) == 4
    write_metrics(path, metrics.model_copy(update={**nothing, "best": None}))
    assert content("render_clustering").summary == (
        "Clusters were not compared: the corpus has no labels."
    )


def test_documents_are_mapped_by_cluster_and_label_of_the_best_method(inputs):
    chart, largest = section("Map of documents").blocks
    assert "12 documents by their glove vectors, coloured by cluster or label (agglomerative)" in (
        chart.caption
    )
    assert "PCA keeps 40.0% of the variance" in chart.caption
    points = chart.spec["data"]["values"]
    assert len(points) == 24
    assert {key: points[0][key] for key in ("point", "method", "cluster", "name", "label")} == {
        "point": "doc0", "method": "PCA", "cluster": 0, "name": HOSTILE, "label": HOSTILE
    }  # fmt: skip
    assert (points[11]["name"], points[2]["label"]) == ("in no cluster", "no label")
    assert largest.header == [
        "cluster", "documents", "distinctive words", "central documents", "top labels"
    ]  # fmt: skip
    assert largest.rows[0] == [HOSTILE, "4", "e", "doc1", f"{HOSTILE} (4)"]


def test_the_tree_has_a_line_for_each_merge_and_names_its_leaves(inputs):
    (chart,) = section("Tree of documents").blocks
    rows = chart.spec["data"]["values"]
    assert [row["name"] for row in rows if row["name"]] == [
        f"{HOSTILE} (4)", "some (5)", "few (3)"
    ]  # fmt: skip
    upright = [row for row in rows if row["x"] == row["x2"]]
    assert [(row["x"], row["y"], row["y2"]) for row in upright] == [(0.9, 0.5, 2), (0.5, 0, 1)]
    lengthwise = [row for row in rows if row["x"] != row["x2"]]
    assert {row["x2"] for row in lengthwise if row["name"]} == {min(row["x2"] for row in rows)}


def test_a_single_dense_cluster_is_said_to_be_none(inputs):
    told, chart = section("Density").blocks
    assert told.text == (
        "dbscan puts 91.7% of the documents into 1 cluster: at this distance their density has no "
        "gaps, and lower values of eps leave more documents in no cluster."
    )
    assert "within 0.250 (dashed)" in chart.caption


def test_methods_are_compared_with_each_other_and_with_random_directions(inputs):
    own = section("Projections")
    verdict, scores, variance, circle = own.blocks
    assert verdict.text == (
        "Of documents, t-SNE keeps the neighbourhoods best. The perplexity of t-SNE was lowered to "
        "3.5, because there are only 12 documents. 3 documents are not on the map."
    )
    assert scores.rows == [
        ["t-SNE", "0.900 [0.890, 0.910]", "0.900 [0.890, 0.910]"],
        ["PCA", "0.700 [0.690, 0.710]", "0.700 [0.690, 0.710]"],
        ["two random directions", "0.500 [0.490, 0.510]", "0.500 [0.490, 0.510]"],
    ]
    assert "3 components explain half of the variance of documents" in variance.caption
    assert [row["explained variance"] for row in variance.spec["data"]["values"]] == [0.3, 0.4, 0.5]
    assert "rotated by -30 degrees, stretched in the ratio of the singular values" in circle.caption
    assert len(circle.spec["data"]["values"]) == 4 * 12 + 4


def test_ties_and_beaten_methods_are_said(inputs):
    path = METRICS / "project/documents.json"
    metrics = read_metrics(path, ProjectMetrics)
    kept = dict(metrics.kept)
    kept["pca"] = kept["pca"].model_copy(
        update={"trustworthiness": 0.4, "behind_best_interval": (-0.1, 0.9)}
    )
    write_metrics(path, metrics.model_copy(update={"kept": kept, "lowered": {}}))
    verdict = section("Projections").blocks[0].text
    assert "best, and PCA cannot be told apart from it; two random directions beat PCA." in verdict


def test_kmeans_is_shown_step_by_step(inputs):
    own = section("k-means step by step")
    verdict, slider, objective, starts = own.blocks
    assert verdict.text == (
        "The start changes the end: 4 of 10 random starts and 4 of 10 starts by k-means++ reach "
        "the lowest objective; random starts and k-means++ cannot be told apart by their ends "
        "(95 % interval -10.0% to 20.0%)."
    )
    rows = {layer["data"]["name"]: layer["data"]["values"] for layer in slider.spec["layer"]}
    assert rows["kmeans_points"][0]["point"] == HOSTILE
    assert len(rows["kmeans_centres"]) == 6
    assert [row["objective"] for row in objective.spec["data"]["values"]] == [4, 3, 2, 1]
    assert starts.rows[1][:3] == ["k-means++", "10", "1.000"]


def test_a_gain_of_kmeans_plus_plus_is_said_only_beyond_chance(inputs):
    path = METRICS / "trace_kmeans.json"
    metrics = read_metrics(path, TraceKmeansMetrics)
    better = {"random_above_plus_plus_interval": (0.01, 0.1)}
    write_metrics(path, metrics.model_copy(update=better))
    verdict = section("k-means step by step").blocks[0].text
    assert "k-means++ ends lower than random starts by 5.0% on average" in verdict
    all_reach = metrics.random.model_copy(update={"reached_lowest": 10})
    same = {"random": all_reach, "plus_plus": all_reach}
    write_metrics(path, metrics.model_copy(update=same))
    verdict = section("k-means step by step").blocks[0].text
    assert verdict == "The start does not change the end: all 20 runs reach the lowest objective."


def test_rules_are_listed_once_for_each_set_of_words(inputs):
    verdict, table = section("Words that go together").blocks
    assert (
        "3 rules follow from them with a confidence of at least 30.0%, of which 2" in verdict.text
    )
    assert "in the test split, and 1 hold there" in verdict.text
    assert table.rows == [[f"b → {HOSTILE}", "4", "100.0% (30.0% to 100.0%)", "8.0", "87.500", "–"]]


def test_a_corpus_without_rules_says_what_to_lower(inputs):
    path = METRICS / "mine_rules.json"
    write_metrics(path, read_metrics(path, MineRulesMetrics).model_copy(update={"rules": 0}))
    verdict = section("Words that go together").blocks[0].text
    assert verdict.endswith("lower clustering.mine_rules.min_support or min_confidence.")


def test_classifiers_are_compared_with_each_other_and_the_other_room(inputs):
    told, unseen, scores, costs, curve = section("Classifiers of documents").blocks
    assert told.text == (
        "Use nearest_neighbours: the most accurate on the validation split, it classifies 75.0% of "
        "the test documents correctly (95 % interval 55.0% to 95.0%; the most frequent label "
        "50.0%); decision_tree is tied with it; not above the most frequent label: decision_tree. "
        "Logistic regression on TF-IDF, without word vectors, has 70.0% (60.0% to 80.0%)."
    )
    assert unseen.text == "1 test document has a label that no training document has."
    assert [row[0] for row in scores.rows] == [
        "nearest_neighbours", "decision_tree", "most frequent label", "TF-IDF, regression",
        "rnn (sequence model)", "gru (sequence model)",
    ]  # fmt: skip
    assert scores.rows[1][1:] == [
        "50.0% (30.0% to 70.0%)", "0.500", "max_leaves 5", "-10.0% to 50.0%", "0.250"
    ]  # fmt: skip
    assert scores.caption.endswith("decision_tree is fitted on 20 of the 25 training documents.")
    assert costs.caption.endswith("Stopped before it converged: decision_tree.")
    assert costs.rows[0] == ["nearest_neighbours", "0", "50", "1,234"]
    assert "5 is the best, and the square root of the 25 training documents is 5" in curve.caption
    assert [row["accuracy"] for row in curve.spec["data"]["values"]] == [0.5, 0.75]


def test_a_classifier_on_tf_idf_that_is_better_is_said_to_be_so(inputs):
    path = METRICS / "score_document_baselines.json"
    metrics = read_metrics(path, ScoreDocumentBaselinesMetrics)
    tf_idf = metrics.tf_idf.model_copy(update={"accuracy": 0.8})
    write_metrics(path, metrics.model_copy(update={"tf_idf": tf_idf}))
    told = section("Classifiers of documents").blocks[0].text
    assert "without word vectors, beats it with 80.0%" in told


def test_documents_without_labels_are_not_classified(inputs):
    path = METRICS / "compare_learners.json"
    nothing = CompareLearnersMetrics(
        best=None, no_worse=[], not_above_majority=[], majority=None, unscored="no labels"
    )
    write_metrics(path, nothing)
    path = METRICS / "draw_regions.json"
    metrics = read_metrics(path, DrawRegionsMetrics)
    write_metrics(path, metrics.model_copy(update={"unscored": "no labels"}))
    (told,) = section("Classifiers of documents").blocks
    assert told.text == "No documents were classified: no labels."
    titles = [own.title for own in content("render_clustering").sections]
    assert "Decision regions" not in titles


def test_the_decision_tree_is_an_outline_with_yes_first(inputs):
    (chart,) = section("Decision tree").blocks
    rows = chart.spec["data"]["values"]
    assert [row["text"] for row in rows] == [
        f"{HOSTILE} above 0.25?", f"yes: {HOSTILE} (3, 100%)", "no: a (6, 75%)"
    ]  # fmt: skip
    assert [row["above"] for row in rows] == [None, 0.4, 0.4]


def test_regions_are_strips_of_equal_labels(inputs):
    told, chart = section("Decision regions").blocks
    assert "decision_tree 75.0%; the most frequent label 50.0%" in told.text
    rows = chart.spec["data"]["values"]
    strips = [row for row in rows if row["kind"] == "region" and row["learner"] == "decision_tree"]
    assert [(row["x"], row["x2"], row["label"]) for row in strips] == [
        (-0.5, 0.5, "a"), (0.5, 1.5, HOSTILE), (-0.5, 1.5, "a")
    ]  # fmt: skip
    assert len([row for row in rows if row["kind"] == "document"]) == 4


def test_linear_regression_is_beside_the_mean(inputs):
    (told,) = section("A number from a document").blocks
    assert told.text == (
        "Linear regression on the 2 dimensions of the vectors explains 25.0% of the variance of a "
        "document's number of tokens (95 % interval 10.0% to 40.0%) on 8 test documents; the mean "
        "absolute error is 2.0, and 3.0 for always predicting the mean."
    )
    path = METRICS / "predict_number.json"
    metrics = read_metrics(path, PredictNumberMetrics)
    scores = metrics.scores.model_copy(update={"r2_interval": (-0.1, 0.4)})
    write_metrics(path, metrics.model_copy(update={"scores": scores, "target": "label"}))
    (told,) = section("A number from a document").blocks
    assert told.text.endswith("predicting the mean, which it does not beat.")
    assert "of a document's numeric label" in told.text
