from stages.sequence.classification.confusion import confusion_counts


def test_confusion_counts_pairs():
    table = confusion_counts(["a", "a", "b"], ["a", "b", "b"])
    assert table.column_names == ["truth", "prediction", "count"]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("a", "a", 1),
        ("a", "b", 1),
        ("b", "b", 1),
    ]
