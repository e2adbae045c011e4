"""Render the page of the clustering room."""

from stages.core.command import Input, command
from stages.core.metrics import read_metrics
from stages.core.outputs import Output
from stages.core.params import Variants
from stages.metrics.classify_documents import ClassifyDocumentsMetrics
from stages.metrics.cluster import ClusterMetrics
from stages.metrics.compare_clusters import CompareClustersMetrics
from stages.metrics.compare_learners import CompareLearnersMetrics
from stages.metrics.draw_regions import DrawRegionsMetrics
from stages.metrics.embed_documents import EmbedDocumentsMetrics
from stages.metrics.mine_rules import MineRulesMetrics
from stages.metrics.predict_number import PredictNumberMetrics
from stages.metrics.project import ProjectMetrics
from stages.metrics.score_document_baselines import ScoreDocumentBaselinesMetrics
from stages.metrics.trace_kmeans import TraceKmeansMetrics
from stages.metrics.train_learner import TrainLearnerMetrics
from stages.report.clustering.clusters import clusters, method_of_map, verdict
from stages.report.clustering.kmeans import kmeans_steps
from stages.report.clustering.learners import Others, classifiers, trees_and_regions
from stages.report.clustering.maps import map_section
from stages.report.clustering.projections import projections
from stages.report.clustering.rules import association_rules
from stages.report.clustering.trees import hierarchy
from stages.report.page.content import Page
from stages.report.page.html import write_page
from stages.report.page.inputs import read_all_metrics, read_table, read_tables


@command
def main(
    *,
    clustering: Variants,
    maps: Variants,
    points: Input,
    cluster: Input,
    agreement: Input,
    project: Input,
    trace_kmeans: Input,
    rules: Input,
    embed_documents_metrics: Input,
    cluster_metrics: Input,
    compare_clusters_metrics: Input,
    project_metrics: Input,
    trace_kmeans_metrics: Input,
    mine_rules_metrics: Input,
    train_learner: Variants,
    cells: Variants,
    train_learner_data: Input,
    learners: Input,
    draw_regions: Input,
    train_learner_metrics: Input,
    compare_learners_metrics: Input,
    draw_regions_metrics: Input,
    predict_number_metrics: Input,
    score_document_baselines_metrics: Input,
    classify_documents_metrics: Input,
    page: Output,
    headline: Output,
) -> None:
    """Render the page of the clustering room.

    Args:
        clustering: section whose keys are the methods of clustering
        train_learner: section whose keys are the classifiers
        cells: section that lists the recurrent cells, which classify the same documents
        train_learner_data: folder with a folder of tables for each classifier
        maps: section that names what is drawn as maps, and the embedding of each
    """
    found = read_all_metrics(cluster_metrics, clustering, ClusterMetrics)
    compared = read_metrics(compare_clusters_metrics, CompareClustersMetrics)
    agreed = read_table(agreement)
    embedded = read_metrics(
        embed_documents_metrics / f"{maps.root['documents']}.json", EmbedDocumentsMetrics
    )
    projected = read_all_metrics(project_metrics, maps, ProjectMetrics)
    planes = read_tables(project, maps, "projection")
    members = read_tables(cluster, clustering, "members")
    named = read_tables(cluster, clustering, "clusters")
    sections = [clusters(found, compared, agreed, maps.root, embedded)]
    for kind, embedding in maps.root.items():
        if method := method_of_map(kind, found, agreed, embedding):
            sections.append(
                map_section(
                    kind,
                    embedding,
                    method,
                    read_table(points / embedding / f"{kind}.parquet", ["point", "label"]),
                    members[method].query("embedding == @embedding"),
                    named[method].query("embedding == @embedding"),
                    planes[kind],
                    projected[kind],
                )
            )
    sections += hierarchy(
        found,
        read_tables(cluster, clustering, "dendrogram"),
        read_tables(cluster, clustering, "neighbour_distances"),
        maps.root,
    )
    sections += [
        projections(
            projected,
            read_tables(project, maps, "explained_variance"),
            read_tables(project, maps, "circle_steps"),
        ),
        kmeans_steps(
            read_metrics(trace_kmeans_metrics, TraceKmeansMetrics),
            *(
                read_table(trace_kmeans / f"{name}.parquet")
                for name in ("steps", "step_points", "step_centres")
            ),
        ),
        classifiers(
            read_all_metrics(train_learner_metrics, train_learner, TrainLearnerMetrics),
            read_metrics(compare_learners_metrics, CompareLearnersMetrics),
            read_table(learners),
            read_tables(train_learner_data, train_learner, "choices"),
            Others(
                read_metrics(score_document_baselines_metrics, ScoreDocumentBaselinesMetrics),
                read_all_metrics(classify_documents_metrics, cells, ClassifyDocumentsMetrics),
            ),
            maps.root["documents"],
        ),
        *trees_and_regions(
            read_tables(train_learner_data, train_learner, "tree"),
            read_metrics(draw_regions_metrics, DrawRegionsMetrics),
            read_table(draw_regions / "regions.parquet"),
            read_table(draw_regions / "plane.parquet"),
            read_metrics(predict_number_metrics, PredictNumberMetrics),
        ),
        association_rules(read_metrics(mine_rules_metrics, MineRulesMetrics), read_table(rules)),
    ]
    write_page(Page("clustering", verdict(compared), sections), page, headline)
