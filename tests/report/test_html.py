"""Pages as HTML, and as a browser shows them."""

import base64
from pathlib import Path

import pytest
from browser import check_pages, look
from page_inputs import COMMANDS, HOSTILE, render

from stages.report.page.content import TITLES, Page, Table, number, percent


def test_every_page_is_rendered_in_equal_bytes(report):
    assert set(report) == set(TITLES)
    first = {name: path.read_bytes() for name, path in report.items()}
    for stage in COMMANDS:
        render(stage)
    assert {name: path.read_bytes() for name, path in report.items()} == first


def test_words_are_shown_and_never_run(report):
    for name, path in report.items():
        html = path.read_text()
        assert HOSTILE not in html
        if name not in ("validation", "music"):
            assert "alert(&#39;caught&#39;)" in html or "\\u003cscript>" in html, name


def test_numbers_are_rounded_and_none_is_a_dash():
    assert [number(n) for n in (1234567, 0.12345, None)] == ["1,234,567", "0.123", "–"]
    assert percent(0.1234) == "12.3%"
    table = Table("", ["a", "b", "c"], [["x", "1", "–"], ["y", "2.5", "z"]])
    assert table.numeric == [False, True, False]
    assert Page("text", "", []).has_charts is False


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_in_a_browser(browser, report, width):
    assert check_pages(browser, list(report.values()), width) == 36


def test_the_table_of_faults_fits_a_phone(browser, report):
    page, _, _ = look(browser, report["music"], 390)
    table = page.get_by_role("region", name="What was repaired while reading")
    assert table.evaluate("region => region.scrollWidth <= region.clientWidth")


def test_map_names_points_and_switches_projection(browser, report):
    page, complaints, _ = look(browser, report["clustering"], 1280)
    chart = page.locator(".chart").first
    point = chart.locator("svg .mark-symbol path").nth(5)
    before = point.get_attribute("transform")
    point.hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for()
    assert "cluster" in tooltip.inner_text()
    chart.get_by_label("PCA").check()
    page.wait_for_timeout(300)
    assert chart.locator("svg .mark-symbol path").nth(5).get_attribute("transform") != before
    assert complaints == []


def test_music_plays(browser, report):
    page, complaints, _ = look(browser, report["music"], 1280)
    page.evaluate("document.querySelector('audio').play()")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
    assert page.evaluate("document.querySelector('audio').duration") > 1
    links = page.get_by_role("link", name="Download the MIDI file")
    link = links.first.get_attribute("href")
    assert base64.b64decode(link.split(",")[1])[:4] == b"MThd"
    assert complaints == []


def test_short_sounds_play_one_at_a_time(browser, report):
    page, complaints, _ = look(browser, report["player"], 1280)
    first, second = (page.locator(".sounds button").nth(place) for place in (0, 1))
    first.click()
    page.wait_for_function("sound.currentTime > 0.1")
    assert "playing" in first.get_attribute("class")
    second.click()
    assert "playing" not in first.get_attribute("class")
    page.wait_for_function("document.querySelector('.sounds .playing') === null")
    assert complaints == []


def test_notes_are_drawn_and_played(browser, report):
    page, complaints, _ = look(browser, report["music"], 390)
    player = page.locator(".player").last
    canvas, button = player.locator("canvas"), player.get_by_role("button")
    assert canvas.get_attribute("data-notes") == "2"
    painted = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
    colours = f"canvas => new Set(new Uint32Array(({painted})(canvas).data.buffer)).size"
    assert canvas.evaluate(colours) >= 3  # the playhead and two parts
    player.get_by_role("combobox").select_option("Air (train)")
    assert canvas.get_attribute("data-notes") == "1"
    assert "Air" in canvas.get_attribute("aria-label")
    button.press("Enter")
    assert button.inner_text() == "Pause"
    page.wait_for_function("document.querySelectorAll('.player input')[1].value > 0.2")
    other = page.locator(".player").first.get_by_role("button")
    other.click()
    assert (button.inner_text(), other.inner_text()) == ("Play", "Pause")
    other.press("Enter")
    assert other.inner_text() == "Play"
    assert player.locator(".parts li").all_inner_texts() == ["part 1"]
    # A screen reader would announce a live region at every tick.
    assert player.locator("output, [aria-live], [role=timer]").count() == 0
    assert complaints == []


def test_music_plays_on_without_animation_and_in_one_context(browser, report):
    page, complaints, _ = look(browser, report["music"], 1280)
    page.evaluate(
        """() => {
          window.requestAnimationFrame = () => {};
          window.made = 0;
          window.AudioContext = class extends AudioContext { constructor() { super(); made++; } };
        }"""
    )
    player = page.locator(".player").last
    player.get_by_role("button").click()
    slider = player.get_by_role("slider")
    for _ in range(3):  # each seeks while it plays
        slider.press("ArrowRight")
    page.wait_for_function(
        "document.querySelectorAll('.player button')[1].innerText === 'Play'",
        polling=100,  # not by requestAnimationFrame, the default
        timeout=10_000,
    )
    assert page.evaluate("made") == 1
    assert complaints == []


def test_pages_are_reached_by_links_and_keyboard(browser, report):
    page, _, _ = look(browser, report["index"], 390)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for title in ("Music", "Validation", "etude"):
        page.get_by_role("navigation").get_by_role("link", name=title).click()
        assert page.locator("nav [aria-current=page]").inner_text() == title


def test_no_page_links_to_one_that_was_not_rendered(browser, report):
    Path("reports/headlines/music.json").unlink()
    report["music"].unlink()
    render("render_index")
    expected = [title for name, title in TITLES.items() if name != "music"]
    for name in ("index", "text"):
        page, complaints, _ = look(browser, report[name], 1280)
        links = page.get_by_role("navigation").get_by_role("link")
        assert links.all_inner_texts() == expected
        assert complaints == []
