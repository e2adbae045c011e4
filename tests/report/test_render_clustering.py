from page_inputs import HOSTILE, METRICS, content, write_metrics

from stages.core.metrics import read_metrics
from stages.metrics.cluster import ClusterMetrics


def test_clusters_are_counted_named_and_mapped(inputs):
    page = content("render_clustering")
    assert page.summary == "12 words fall into 3 clusters."
    scores, words = page.sections
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
