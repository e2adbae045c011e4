from page_inputs import HOSTILE, METRICS, content, write_metrics

from stages.core.metrics import read_metrics
from stages.metrics.compare_clusters import CandidateMetrics, CompareClustersMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.project import ProjectMetrics
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
    structure, matrix, separated, agreeing, left_out = page.sections[0].blocks
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
    assert left_out.text == "1 document has no vector."


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
    assert told.startswith("The map of documents and the learners use glove: set clustering.maps")


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
    assert len(page.sections[0].blocks) == 3
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
