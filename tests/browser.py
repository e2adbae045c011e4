"""Open pages of the report in a browser."""

from pathlib import Path
from typing import Any


def look(browser: Any, path: Path, width: int) -> tuple[Any, list[str], list[str]]:
    """Open a page; return it, the errors of the browser, and its requests to other hosts."""
    page = browser.new_page(viewport={"width": width, "height": 844})
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    for chart in page.locator(".chart").all():
        chart.locator("svg").wait_for()
    outside = [url for url in requests if not url.startswith(("file:", "data:"))]
    return page, complaints, outside


def check_pages(browser: Any, files: list[Path], width: int) -> int:
    """Check that pages fit, ask for nothing and draw their charts; return how many charts."""
    charts = 0
    for file in files:
        page, complaints, outside = look(browser, file, width)
        assert (complaints, outside) == ([], []), file
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file
        for chart in page.locator(".chart").all():
            kinds = ("symbol path", "line path", "rect path", "rule line")
            marks = chart.locator(", ".join(f"svg .mark-{kind}" for kind in kinds))
            assert marks.count() > 0, file
            assert chart.bounding_box()["width"] <= width
            charts += 1
        assert page.locator("h1").count() == 1
        page.close()
    return charts
