"""The page of ``avsync report`` in a real browser."""

import struct
import zlib

import numpy as np
import pytest

from avsync.api import report
from browser import Browser, find
from live import mouth_file

OWN = ("file:", "blob:", "data:")


@pytest.fixture(scope="module")
def browser():
    program = find()
    if program is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium, or name one in AVSYNC_CHROMIUM")
    with Browser(program) as running:
        yield running


@pytest.fixture(scope="module")
def made(mouth_run, tmp_path_factory):
    """The page of a mouth whose sound is 200 ms early, in a folder of its own."""
    folder = tmp_path_factory.mktemp("page")
    path = mouth_file(folder / "mouth.mp4", seconds=6.0, early=0.2)
    checkpoint = mouth_run / "checkpoints" / "best.ckpt"
    embedded = report(path, checkpoint, crop="none", page=folder / "embedded.html").page
    return embedded, report(path, checkpoint, crop="none", page=folder / "linked.html", link=True).page


@pytest.fixture
def page(browser, made):
    opened = browser.page()
    opened.open(made[0])
    opened.wait("video.readyState >= 2")
    return opened


def pixels(png: bytes) -> np.ndarray:
    """(H, W, 3) of a PNG as Chromium writes it: 8 bits, colour, not interlaced."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    data, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    raw = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    return raw[:, 1:].reshape(height, width, channels)[..., :3]


def box_of(page, selector):
    return page.evaluate(
        f"(r => [r.left, r.top, r.width, r.height])(document.querySelector('{selector}').getBoundingClientRect())"
    )


def colours(page):
    """How many colours the plots hold."""
    seen = "plots.getContext('2d').getImageData(0, 0, plots.width, plots.height).data.buffer"
    return page.evaluate(f"new Set(new Uint32Array({seen})).size")


def test_it_works_without_a_word_to_the_console_or_the_net(page):
    page.evaluate("video.play()")
    page.wait("video.currentTime > 0.5")
    assert page.events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    asked = [event["request"]["url"] for event in page.events("Network.requestWillBeSent")]
    assert asked and all(url.startswith(OWN) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == 1  # the page itself
    assert page.evaluate("$('trouble').hidden && Math.abs(video.duration - data.duration) < 0.2")


def test_the_plots_are_drawn_and_the_playhead_follows_the_video(page):
    assert colours(page) > 100
    nearest = page.evaluate("Array.from($('scale').getContext('2d').getImageData(1, 2, 1, 1).data)")
    assert nearest == pytest.approx([253, 231, 55, 255], abs=6)  # cividis, which the colour blind see as well
    places = []
    for t in (0.5, 3.0, 5.5):
        page.evaluate(f"seek({t})")
        page.wait(f"!video.seeking && Math.abs(timeline.getAttribute('aria-valuenow') - {t}) < 0.01")
        places.append(
            page.evaluate(
                "playhead.getBoundingClientRect().left + 1 - timeline.getBoundingClientRect().left - x(now())"
            )
        )
        if t == 3.0:
            assert "audio leads by 2" in page.evaluate("timeline.getAttribute('aria-valuetext')")
    assert np.abs(places).max() < 1.5
    before = page.evaluate("playhead.style.transform")
    page.evaluate("seek(1); video.play()")
    page.wait("video.currentTime > 1.4")
    assert page.evaluate("playhead.style.transform") != before


def test_click_and_drag_seek(page):
    left, top, width, _ = box_of(page, "#timeline")
    span = width - page.evaluate("LEFT")
    for points, share in (([0.5], 0.5), ([0.2, 0.3, 0.8], 0.8)):
        page.drag(*[(left + page.evaluate("LEFT") + part * span, top + 60) for part in points])
        page.wait(f"!video.seeking && Math.abs(video.currentTime - {share} * data.duration) < 0.05")
    assert page.evaluate("document.activeElement.id") == "timeline"


def test_keys_seek_and_play(page):
    page.evaluate("timeline.focus()")
    for key, code, modifiers, expected in (
        ("End", 35, 0, "data.duration"), ("Home", 36, 0, "0"), ("ArrowRight", 39, 0, "0.2"),
        ("ArrowRight", 39, 8, "0.24"), ("ArrowUp", 38, 0, "0.44"), ("ArrowLeft", 37, 0, "0.24"),
        ("PageUp", 33, 0, "5.24"), ("PageDown", 34, 0, "0.24"),
    ):  # fmt: skip
        page.press(key, code, modifiers=modifiers)
        page.wait(f"!video.seeking && Math.abs(video.currentTime - {expected}) < 0.011")
    page.press(" ", 32)
    page.wait("!video.paused && video.currentTime > 0.4")
    page.press(" ", 32)
    page.wait("video.paused")


def test_everything_can_be_reached_and_has_a_name(page):
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"slider", "radio", "checkbox", "button", "link", "Video", "region", "table", "group"}
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    named = [(role, name) for role, name in found if role in roles]
    assert [role for role, name in named if not name and role not in ("group", "table")] == []
    for wanted in (("slider", "Playhead"), ("radio", "as in the file"), ("checkbox", "Face boxes"), ("button", "Copy"),
                   ("Video", "mouth.mp4")):  # fmt: skip
        assert wanted in named
    assert any(role == "slider" and name.startswith("Sound delayed by") for role, name in named)
    assert any(role == "radio" and name.startswith("repaired: delayed by ") for role, name in named)
    headings = [name for role, name in found if role == "heading"]
    assert headings[0] == "mouth.mp4" and "What this means" in headings
    reached = set()
    for _ in range(40):
        page.press("Tab", 9)
        reached.add(page.evaluate("(one => one.id || one.name || one.tagName)(document.activeElement)"))
    assert {"timeline", "delay", "show-boxes", "sound", "video", "BUTTON", "SUMMARY"} <= reached
    page.evaluate("timeline.focus()")
    assert page.evaluate("getComputedStyle(timeline).outlineStyle") == "solid"
    assert (
        page.evaluate(
            "document.querySelector('details').open = true; document.querySelectorAll('details tbody tr').length"
        )
        > 5
    )


def test_the_repaired_sound_is_heard_where_it_belongs(page):
    assert page.evaluate("by()") == pytest.approx(0.2, abs=0.02)
    page.evaluate("choices[1].click(); video.currentTime = 1; video.play()")
    page.wait("other.source && video.currentTime > 1.8", 30)
    assert page.evaluate("video.muted && !other.context.closed && other.context.state") == "running"
    assert abs(page.evaluate("other.strays(video.currentTime - by())")) < 0.1
    assert page.evaluate("Math.abs(other.buffer.duration - data.duration)") < 0.3
    page.evaluate("delay.value = -300; delay.dispatchEvent(new Event('input'))")
    page.wait("$('delayed').textContent === '−300 ms' && !!other.source")
    page.wait("Math.abs(other.began.position - (video.currentTime + 0.3)) < 1.5")
    page.evaluate("choices[0].click()")
    page.wait("!other.source && !video.muted")


def test_boxes_are_drawn_over_the_face_and_can_be_taken_away(page):
    drawn = "boxes.getContext('2d').getImageData(0, 0, boxes.width, boxes.height).data.some((v) => v > 0)"
    assert page.evaluate(drawn) is False  # a crop has none
    page.evaluate(
        "data.tracks[0].boxes = {at: [0, 30], corners: Uint16Array.of(0, 0, 32768, 32768, 32768, 32768, 65535, 65535)};"
        "seek(3)"
    )
    page.wait("!video.seeking")
    assert page.evaluate(drawn) is True
    assert page.evaluate("boxAt(data.tracks[0], 3.0)") == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.01)
    page.evaluate("$('show-boxes').click()")
    assert page.evaluate(drawn) is False


def test_zoom_shows_less_and_follows(page):
    page.evaluate("document.querySelector('input[name=zoom][value=\"5\"]').click(); seek(0.2)")
    page.wait("!video.seeking")
    assert page.evaluate("[view.from, view.to]") == [0, 5]
    page.evaluate("seek(5.5)")
    page.wait("view.from > 0.5")
    assert page.evaluate("view.to - view.from") == pytest.approx(5) and colours(page) > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_light_and_dark_wide_and_narrow(browser, made, scheme, width):
    page = browser.page(width, 900, prefers_color_scheme=scheme)
    page.open(made[0])
    page.wait("video.readyState >= 2")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    seen = pixels(page.screenshot(full=False))
    assert seen.shape[1] == width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (np.mean(ground) < 60) == (scheme == "dark")
    for ink in ("--ink", "--soft", "--accent", "--good", "--off"):
        for under in ("--page", "--card"):
            assert contrast(*(page.evaluate(f"css('{name}')") for name in (ink, under))) >= 4.5, (ink, under)


def contrast(one: str, other: str) -> float:
    """By WCAG 2."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        return float(
            np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_with_reduced_motion_the_playhead_still_follows(browser, made):
    page = browser.page(prefers_reduced_motion="reduce")
    page.open(made[0])
    page.wait("video.readyState >= 2")
    assert (
        page.evaluate("calm.matches && getComputedStyle(document.querySelector('button')).transitionDuration") == "0s"
    )
    page.evaluate("video.play()")
    page.wait("timeline.getAttribute('aria-valuenow') > 0.9")


def test_a_linked_page_plays_the_file_beside_it_and_moves_its_sound(browser, made):
    page = browser.page()
    page.open(made[1])
    page.wait("video.readyState >= 2")
    asked = [event["request"]["url"] for event in page.events("Network.requestWillBeSent")]
    assert {url.rsplit("/", 1)[1] for url in asked if url.startswith("file:")} == {"linked.html", "mouth.mp4"}
    page.evaluate("choices[1].click(); video.currentTime = 1; video.play()")
    page.wait("other.source && other.audio.currentTime > 1.2", 30)
    assert page.evaluate("$('trouble').hidden && video.muted")
