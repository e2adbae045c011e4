import pytest
from corpora import Collecting


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Run the stage in an empty folder, on files that the test writes."""
    monkeypatch.chdir(tmp_path)
    return Collecting(tmp_path)
