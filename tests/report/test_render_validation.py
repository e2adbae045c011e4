from pathlib import Path

import pytest
import yaml
from page_inputs import PARAMS, THINGS, content

from stages.core.errors import StageError


def test_results_are_counted_and_shown_as_data_docs(inputs):
    page = content("render_validation")
    assert page.summary.startswith("3 of 3 expectations about 1 tables were met")
    table, details = page.sections[0].blocks[0], page.sections[1].blocks[0]
    assert table.rows == [[str(THINGS), "train_embedding@cbow", "3", "3"]]
    assert "values must never be null" in details.html
    assert " id=" not in details.html


def test_a_variant_that_was_removed_is_not_shown(inputs):
    params = {**PARAMS, "embedding": {"train_embedding": {"glove": {}}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert content("render_validation").sections[0].blocks[0].rows == []


def test_damaged_results_are_named(inputs):
    Path("reports/validation/train_embedding/cbow.json").write_text("{")
    with pytest.raises(StageError, match=r"cbow\.json is damaged"):
        content("render_validation")
