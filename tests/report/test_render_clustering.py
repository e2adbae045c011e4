from page_inputs import HOSTILE, METRICS, content, write_metrics

from stages.core.metrics import read_metrics
from stages.metrics.cluster import ClusterMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.project import ProjectMetrics
from stages.metrics.trace_kmeans import TraceKmeansMetrics


def test_clusters_are_counted_named_and_mapped(inputs):
    page = content("render_clustering")
    assert page.summary == "12 words fall into 3 clusters."
    scores, words, *_ = page.sections
    assert scores.blocks[0].rows == [["words", "12", "3", "0.500", "–", "–"]]
    assert scores.blocks[1].text == "1 documents have no known word and are left out."
    chart, largest = words.blocks
    assert "PCA keeps 40.0% of the variance" in chart.caption
    points = chart.spec["data"]["values"]
    assert len(points) == 24
    assert {key: points[0][key] for key in ("point", "method", "cluster", "name")} == {
        "point": "word0", "method": "PCA", "cluster": 0, "name": HOSTILE
    }  # fmt: skip
    assert largest.rows == [[HOSTILE, "4"], ["b, c", "4"], ["d", "4"]]


def test_agreement_with_labels_is_in_the_summary(inputs):
    path = METRICS / "cluster/words.json"
    metrics = read_metrics(path, ClusterMetrics)
    write_metrics(path, metrics.model_copy(update={"adjusted_rand": 0.25}))
    assert content("render_clustering").summary.endswith("an adjusted Rand index of 0.250.")


def test_methods_are_compared_with_each_other_and_with_random_directions(inputs):
    section = content("render_clustering").sections[2]
    verdict, scores, variance, circle = section.blocks
    assert verdict.text == (
        "Of words, t-SNE keeps the neighbourhoods best. The perplexity of t-SNE was lowered to "
        "3.5, because there are only 12 words. 3 words are not on the map."
    )
    assert scores.rows == [
        ["t-SNE", "0.900 [0.890, 0.910]", "0.900 [0.890, 0.910]"],
        ["PCA", "0.700 [0.690, 0.710]", "0.700 [0.690, 0.710]"],
        ["two random directions", "0.500 [0.490, 0.510]", "0.500 [0.490, 0.510]"],
    ]
    assert "3 components explain half of the variance of words" in variance.caption
    assert [row["explained variance"] for row in variance.spec["data"]["values"]] == [0.3, 0.4, 0.5]
    assert "rotated by -30 degrees, stretched in the ratio of the singular values" in circle.caption
    assert len(circle.spec["data"]["values"]) == 4 * 12 + 4


def test_ties_and_beaten_methods_are_said(inputs):
    path = METRICS / "project/words.json"
    metrics = read_metrics(path, ProjectMetrics)
    kept = dict(metrics.kept)
    kept["pca"] = kept["pca"].model_copy(
        update={"trustworthiness": 0.4, "behind_best_interval": (-0.1, 0.9)}
    )
    write_metrics(path, metrics.model_copy(update={"kept": kept, "lowered": {}}))
    verdict = content("render_clustering").sections[2].blocks[0].text
    assert "best, and PCA cannot be told apart from it; two random directions beat PCA." in verdict


def test_kmeans_is_shown_step_by_step(inputs):
    section = content("render_clustering").sections[3]
    verdict, slider, objective, starts = section.blocks
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
    verdict = content("render_clustering").sections[3].blocks[0].text
    assert "k-means++ ends lower than random starts by 5.0% on average" in verdict
    all_reach = metrics.random.model_copy(update={"reached_lowest": 10})
    same = {"random": all_reach, "plus_plus": all_reach}
    write_metrics(path, metrics.model_copy(update=same))
    verdict = content("render_clustering").sections[3].blocks[0].text
    assert verdict == "The start does not change the end: all 20 runs reach the lowest objective."


def test_rules_are_listed_once_for_each_set_of_words(inputs):
    verdict, table = content("render_clustering").sections[4].blocks
    assert (
        "3 rules follow from them with a confidence of at least 30.0%, of which 2" in verdict.text
    )
    assert "in the test split, and 1 hold there" in verdict.text
    assert table.rows == [[f"b → {HOSTILE}", "4", "100.0% (30.0% to 100.0%)", "8.0", "87.500", "–"]]


def test_a_corpus_without_rules_says_what_to_lower(inputs):
    path = METRICS / "mine_rules.json"
    write_metrics(path, read_metrics(path, MineRulesMetrics).model_copy(update={"rules": 0}))
    verdict = content("render_clustering").sections[4].blocks[0].text
    assert verdict.endswith("lower clustering.mine_rules.min_support or min_confidence.")
