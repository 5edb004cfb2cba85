"""The page of a file without a browser: its numbers, its size, its words; the browser is in tests/test_page.py."""

import base64
import json
import os
import re

import numpy as np
import pytest
import torch

from avsync import cli, clock
from avsync.alignment.measure import Compared, FileResult, Piece, TrackResult
from avsync.alignment.offset import read_curve
from avsync.evaluation.file_page_words import verdict
from avsync.evaluation.trace import NOTHING, Trace, loudness
from avsync.media.preview import SIDE, browser_copy
from avsync.media.probe import AudioInfo, MediaInfo, VideoInfo, probe
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.synthetic.fixtures import flash_and_click
from live import mouth_file
from mouths import draw_mouth
from rows import check_row


@pytest.fixture
def report(mouth_run, capsys):
    """Run ``avsync report`` on crops and give (status, rows, stderr)."""

    def run(*arguments):
        checkpoint = str(mouth_run / "checkpoints" / "best.ckpt")
        given = ["report", *map(str, arguments), "--checkpoint", checkpoint, "--crop", "none", "--json"]
        status = cli.main(given)
        said = capsys.readouterr()
        return status, [json.loads(line) for line in said.out.splitlines()], said.err

    return run


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), flags=re.S)[1])


def info_of(seconds, width=200, height=100):
    video = VideoInfo(0.0, width, height, 25.0, 0, "h264")
    return MediaInfo("talk.mp4", 0.0, seconds, video, AudioInfo(0.0, 48_000, 1, "aac"))


def bytes_of(text, kind=np.uint8):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_row_is_what_its_schema_says_and_the_page_is_there(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mouth_file(tmp_path / "mouth.mp4", early=0.2)
    status, (row,), _ = report("mouth.mp4")
    check_row("report", row)
    assert status == 0 and row["page"] == "mouth.mp4.html" and row["video"] == "embedded"
    assert abs(row["offset_ms"] - 200) <= 20 and row["verdict"] == "audio leads"
    text = (tmp_path / row["page"]).read_text()
    assert len(text.encode()) == row["bytes"]
    assert "Audio leads video by" in text and "avsync fix mouth.mp4 mouth.fixed.mp4 --checkpoint" in text
    assert not re.search(r"\{\{\w+\}\}", text) and not re.search(r"https?://", text)
    data = data_of(tmp_path / row["page"])
    (track,) = data["tracks"]
    assert track["decided"] and abs(np.median(track["windows"]["offset"]) - 200) <= 20
    matrix = track["matrix"]
    cells = bytes_of(matrix["data"]).reshape(matrix["rows"], matrix["columns"])
    assert cells.shape == (96, 51) and (cells == NOTHING).any()
    means = [column[column != NOTHING].mean() for column in cells.T]
    assert np.argmin(means) == 25 + 5


def test_the_search_is_in_seconds(report, tmp_path):
    path = mouth_file(tmp_path / "far.mkv", seconds=6.0, early=1.4)
    verdicts = []
    for search in ("1", "2"):
        status, (row,), _ = report(path, "--page", tmp_path, "--search", search)
        check_row("report", row)
        data = data_of(tmp_path / "far.mkv.html")
        assert status == 0 and data["search_ms"] == row["search_ms"] == 1000 * int(search)
        verdicts.append(row["verdict"])
    assert verdicts == ["undecided", "audio leads"] and abs(row["offset_ms"] - 1400) <= 20


def test_names_are_words_and_no_markup(report, tmp_path):
    path = mouth_file(tmp_path / "<b>&it's.mp4", seconds=1.0)
    page = tmp_path / "page.html"
    assert report(path, "--page", page)[0] == 0
    text = page.read_text()
    assert (
        "<b>&it" not in text
        and "&lt;b&gt;&amp;it" in text
        and "</script" not in text.split('id="data">')[1].split("\n")[0][:-9]
    )


def test_a_file_without_an_answer_says_why_and_offers_no_fix(report, tmp_path):
    clip = draw_mouth(330, 2.0)
    write_video(tmp_path / "silent.mp4", clip.frames, np.zeros_like(clip.audio))
    status, (row,), _ = report(tmp_path / "silent.mp4", "--page", tmp_path)
    check_row("report", row)
    text = (tmp_path / "silent.mp4.html").read_text()
    assert status == 0 and row["verdict"] == "undecided"
    assert "Undecided: there is no speech that a face shows" in text and "avsync fix" not in text


def test_a_linked_page_names_its_video_by_a_relative_path(report, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "pages").mkdir()
    path = mouth_file(tmp_path / "videos" / "a talk.mp4", seconds=1.0)
    _, (row,), _ = report(path, "--page", tmp_path / "pages", "--link")
    data = data_of(tmp_path / "pages" / "a talk.mp4.html")
    assert row["video"] == "linked" and data["source"] == "../videos/a%20talk.mp4" and not data["embedded"]


def test_the_video_itself_is_never_written_over(report, tmp_path):
    path = mouth_file(tmp_path / "mouth.mp4", seconds=1.0)
    before = path.read_bytes()
    status, (row,), _ = report(path, "--page", path)
    assert status == 2 and "is the video itself" in row["error"] and path.read_bytes() == before


def test_names_that_are_no_utf8_are_no_hindrance(report, tmp_path):
    path = mouth_file(tmp_path / os.fsdecode(b"caf\xe9.mp4"), seconds=1.0)
    for link in ([], ["--link"]):
        status, (row,), _ = report(path, "--page", tmp_path / "page.html", *link)
        check_row("report", row)
        assert status == 0 and "caf?.mp4" in (tmp_path / "page.html").read_text()
    assert data_of(tmp_path / "page.html")["source"] == "caf%E9.mp4"


def test_pages_of_two_files_are_two(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        mouth_file(tmp_path / "in" / folder / "x.mp4", seconds=1.0)
    for given, words in ((["--page", "p.html"], "--page p.html: is no folder"), ([], "both be written to x.mp4.html")):
        status, rows, err = report("in/a/x.mp4", "in/b/x.mp4", *given)
        assert (status, rows) == (2, []) and words in err and err.count("\n") == 1
    status, rows, _ = report("in", "--link")
    assert status == 0 and [row["page"] for row in rows] == ["a/x.mp4.html", "b/x.mp4.html"]
    assert data_of(tmp_path / "b" / "x.mp4.html")["source"] == "../in/b/x.mp4"


@pytest.mark.parametrize("offset", [-0.12, 0.0, 0.2])
def test_the_copy_keeps_picture_and_sound_where_they_were(tmp_path, offset):
    flashes = flash_and_click(tmp_path / "flash.mkv", seconds=3.0, offset=offset, size=800)
    (tmp_path / "copy.mp4").write_bytes(browser_copy(tmp_path / "flash.mkv", 3_000_000))
    copy = tmp_path / "copy.mp4"
    seen = [k / 25 for k, picture in read_frames(copy) if picture.mean() > 150]
    sound = np.abs(read_audio(copy, 48_000))
    clicks = [
        int(sound[n - 2400 : n + 2400].argmax()) + n - 2400 for n in (round((t - offset) * 48_000) for t in flashes)
    ]
    assert seen == pytest.approx(flashes, abs=0.001)
    assert np.array(clicks) / 48_000 == pytest.approx(np.array(flashes) - offset, abs=0.003)
    assert probe(copy).video.width == SIDE and copy.stat().st_size < 3_000_000


def test_a_trace_keeps_distances_and_boxes_at_their_times():
    trace = Trace(info_of(10.0))
    boxes = np.column_stack([np.arange(50.0), np.full(50, 10), np.arange(50.0) + 20, np.full(50, 60)])
    for first in (7, 57):
        distances = torch.full((46, 31), 2.0)
        distances[:, 20], distances[:3, 0] = 1.0, float("nan")
        frames = np.zeros((50, 2, 2, 3), np.uint8)
        trace(Piece(3, first / 25, frames, boxes), Compared(first / 25, (first + 50) / 25, distances, torch.ones(46)))
    first, seen = trace.distances(3)
    assert first == 7 and len(seen) == 96 and trace.step == 1
    assert (
        np.isnan(seen[46:50]).all()
        and np.isnan(seen[:3, 0]).all()
        and (np.delete(seen, slice(46, 50), 0)[:, 20] == 1).all()
    )
    told = trace.track(3)
    corners = bytes_of(told["boxes"]["data"], "<u2").reshape(-1, 4) / 65535 * [200, 100, 200, 100]
    assert told["boxes"]["at"] == list(range(2, 22))  # every fifth frame
    assert corners[0] == pytest.approx([3, 10, 23, 60], abs=0.01)
    assert trace.track(99) == {"matrix": None, "boxes": None}


def test_two_hours_stay_small():
    seconds, draw = 7200.0, np.random.default_rng(0)
    trace = Trace(info_of(seconds))
    frames = np.zeros((500, 1, 1, 3), np.uint8)
    for start in np.arange(0, seconds, 20):
        distances = torch.from_numpy(draw.uniform(0, 2, (496, 31)).astype(np.float32))
        trace(Piece(0, float(start), frames, np.ones((500, 4), np.float32)),
              Compared(float(start), float(start) + 20, distances, torch.ones(496)))  # fmt: skip
    told = trace.track(0)
    assert len(json.dumps(told)) < 6_000_000
    assert told["matrix"]["rows"] * trace.step == pytest.approx(clock.frames(seconds), abs=10)


def test_loudness_tells_speech_from_silence(tmp_path):
    clip = draw_mouth(331, 4.0)
    audio = clip.audio.copy()
    audio[16_000:32_000] = 0
    write_video(tmp_path / "pause.mkv", clip.frames, audio)
    told = loudness(tmp_path / "pause.mkv")
    spoken = bytes_of(told["data"]) > told["line"]
    assert told["step"] == 0.04 and len(spoken) == 100 and not spoken[26:49].any() and spoken[60:].mean() > 0.8


def test_an_answer_at_the_edge_of_the_search_is_told_on_the_page():
    curve = torch.linspace(1.0, 0.2, 51)  # falls to its last candidate: the sound may be earlier still
    found = read_curve(curve, windows=40.0)
    assert found.at_edge
    result = FileResult("talk.mp4", [TrackResult(0, 0.0, 8.0, found, 0.4, [])])
    assert "at the edge of the search" in verdict(result)["headline"]
    inner = read_curve((torch.arange(-25, 26) - 5.0).abs() / 25, windows=40.0)
    assert not inner.at_edge
    result = FileResult("talk.mp4", [TrackResult(0, 0.0, 8.0, inner, 0.4, [])])
    assert "too weak" in verdict(result)["headline"]
