"""Faces given as arrays: random embeddings, and drawn mouths through the network trained on such."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avsync import clock
from avsync.alignment.course import _Places, course, slots
from avsync.alignment.embedded import Seen
from avsync.alignment.matches import matches
from avsync.alignment.rttm import rttm
from avsync.alignment.speakers import Face, Speakers, Turn, _turns, bridged
from avsync.data.speech import speech_share
from avsync.models import checkpoints
from mouths import draw_mouth

SEARCH = 15


def noise(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)), dim=-1)


def face(number: int, video: torch.Tensor, first: int = 0, shown: torch.Tensor | None = None) -> Seen:
    shown = torch.ones(len(video)) if shown is None else shown
    return Seen(number, clock.seconds(first), video, shown, np.zeros((len(video) + 4, 4), np.float32))


def right(found, who: list[int]) -> float:
    return float((found.who[: len(who)] == torch.tensor(who)).float().mean())


def scene(offset: int) -> tuple[list[Seen], torch.Tensor, list[int]]:
    """200 windows each of face 0, of face 1 and of nobody; the sound early by ``offset``."""
    sound, one, other = noise(600, 0), noise(600, 1), noise(600, 2)
    one[:200] = F.normalize(0.5 * sound[:200] + one[:200], dim=-1)
    other[200:400] = F.normalize(0.5 * sound[200:400] + other[200:400], dim=-1)
    return [face(3, one), face(7, other)], torch.roll(sound, -offset, dims=0), [0] * 200 + [1] * 200 + [-1] * 200


@pytest.mark.parametrize("offset", [-9, 0, 4])
def test_whose_voice_it_is_and_when_it_is_nobodys(offset):
    seen, sound, who = scene(offset)
    found = course(seen, sound, torch.ones(600), search=SEARCH)
    assert found.offset == offset and found.chance_any > 0.99
    assert right(found, who) > 0.97
    assert found.chance[0][20:180].min() > 0.9 and found.chance[0][220:].max() < 0.1
    assert found.nobody[420:580].min() > 0.9


def test_a_given_offset_is_taken():
    seen, sound, who = scene(4)
    assert right(course(seen, sound, torch.ones(600), search=SEARCH, given=4), who) > 0.97
    wrong = course(seen, sound, torch.ones(600), search=SEARCH, given=-5)
    assert wrong.offset == -5 and (wrong.who == -1).all()


@pytest.mark.parametrize("offset", [-60, 40, 150])
def test_a_given_offset_may_lie_beyond_the_search(offset):
    seen, sound, who = scene(offset)
    found = course(seen, sound, torch.ones(600), search=SEARCH, given=offset)
    assert found.offset == offset and right(found, who[: 600 - max(0, -offset)]) > 0.9
    assert course(seen, sound, torch.ones(600), search=SEARCH).offset is None


def test_how_sure_is_the_callers_choice():
    seen, sound, _ = scene(4)
    assert course(seen, sound, torch.ones(600), search=SEARCH, least=1.0 - 1e-12).offset == 4
    assert course([face(0, noise(300, 1))], noise(300, 2), torch.ones(300), search=SEARCH, least=0.0).offset is not None


@pytest.mark.parametrize("beside", [False, True])
def test_a_still_face_has_no_voice_however_well_it_goes_with_the_sound(beside):
    """A photograph, alone or beside who speaks for the first half; then somebody speaks who is not there."""
    sound = noise(600, 0)
    talker = torch.cat([F.normalize(0.5 * sound[:300] + noise(300, 1), dim=-1), noise(300, 2)])
    photograph = face(1, sound.clone(), shown=torch.zeros(600))
    found = course([face(0, talker), photograph] if beside else [photograph], sound, torch.ones(600), search=SEARCH)
    assert right(found, ([0] * 300 if beside else [-1] * 300) + [-1] * 300) > 0.97
    assert found.chance[-1][20:].max() < 0.5


def test_a_photograph_does_not_tell_how_windows_hang_together():
    sound = noise(200, 0)
    talker, still = face(0, noise(200, 1)), face(1, noise(200, 2), shown=torch.zeros(200))
    alone, both = (_Places(some, sound, torch.ones(200), SEARCH, 0).tied for some in ([talker], [talker, still]))
    assert both == pytest.approx(alone, rel=1e-3)


def test_who_looks_away_within_a_sentence_keeps_the_turn():
    sound, shown = noise(400, 0), torch.ones(400)
    shown[200:225] = 0
    talker = face(0, F.normalize(0.15 * sound + noise(400, 1), dim=-1), shown=shown)
    assert right(course([talker], sound, torch.ones(400), search=SEARCH), [0] * 400) == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_voice_over_is_nobodys(seed):
    seen = [face(0, noise(300, 100 + seed)), face(1, noise(300, 200 + seed))]
    found = course(seen, noise(300, 300 + seed), torch.ones(300), search=SEARCH)
    assert found.offset is None and found.chance_any < 0.6 and (found.who == -1).all()
    assert (found.nobody[:300] + found.chance[0] + found.chance[1]).sub(1).abs().max() < 1e-5


def test_too_little_to_tell_is_not_told_as_sure():
    """Seven windows of whoever speaks: nobody's for want of evidence, with a chance that says so."""
    sound = noise(7, 0)
    some = face(0, F.normalize(0.5 * sound + noise(7, 1), dim=-1))
    found = course([some], sound, torch.ones(7), search=SEARCH, least=0.999)
    assert (found.who == -1).all() and 0.05 < found.chance_any < 0.999
    assert (found.nobody >= 1 - found.chance_any - 1e-6).all() and found.nobody[:7].max() < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_voice_over_is_told_when_it_is_heard(seed):
    speech = torch.zeros(300)
    speech[100:200] = 1
    found = course([face(0, noise(300, 100 + seed))], noise(300, 300 + seed), speech, search=SEARCH)
    assert found.offset is None and torch.equal(found.heard, F.pad(speech, (0, 4)))


def test_few_loud_windows_do_not_speak_for_a_face():
    """Embeddings need not be of one length: those far from the rest match no better for it."""
    sound, video = noise(300, 0), noise(300, 1)
    loud = torch.arange(300) % 10 == 0
    video[loud], sound[loud] = 20 * sound[loud], 20 * sound[loud]
    found = matches(video, sound, torch.ones(300), torch.ones(300), start=0, search=SEARCH)
    assert found.score[~loud].square().mean() > 0.5


def test_faces_come_and_go():
    """Shots: two faces, then one of others; a track numbers its own windows."""
    sound = noise(500, 0)
    seen = [face(0, noise(200, 1)), face(1, sound[:200].clone()), face(2, sound[200:500].clone(), first=200)]
    found = course(seen, sound, torch.ones(500), search=SEARCH)
    assert right(found, [1] * 200 + [2] * 300) > 0.98
    assert [len(chance) for chance in found.chance] == [200, 200, 300]


def test_silence_says_nothing():
    seen, sound, _ = scene(0)
    found = course(seen, sound, torch.zeros(600), search=SEARCH)
    assert found.offset is None and (found.heard == 0).all()


def test_one_place_holds_no_two_faces_at_once():
    spans = [(0, 50), (0, 20), (20, 90), (30, 40), (50, 60)]
    places = slots(spans)
    assert max(places) == 2
    for k, (first, end) in enumerate(spans):
        for j in range(k):
            assert places[j] != places[k] or spans[j][1] <= first or end <= spans[j][0]


def test_wrong_pairings_score_nothing_on_average_whatever_the_scale():
    sound, video = noise(400, 0), 50 * noise(400, 1)
    found = matches(video, sound, torch.ones(400), torch.ones(400), start=0, search=SEARCH)
    assert abs(float(found.score.mean())) < 0.05 and float(found.score.std()) == pytest.approx(1, abs=0.1)
    smooth, low = (F.avg_pool1d(one.T[None], 9, 1, 4)[0].T for one in (video, sound))
    assert matches(smooth, low, torch.ones(400), torch.ones(400), start=0, search=SEARCH).tied > 4


@pytest.fixture(scope="module")
def mouth_net(mouth_run):
    return checkpoints.load(mouth_run / "checkpoints" / "best.ckpt")[0]


@torch.inference_mode()
def test_drawn_mouths_of_whom_one_is_heard_at_a_time(mouth_net):
    """Three mouths that never rest; the voice is the second's, then the first's, then a stranger's."""
    rows = [[draw_mouth(400 + 10 * part + k) for k in range(3)] for part in range(3)]
    heard = [rows[0][1], rows[1][0], draw_mouth(440)]
    sound = torch.from_numpy(np.concatenate([clip.audio for clip in heard]))
    seen = []
    for k in range(3):
        frames = np.concatenate([part[k].frames for part in rows])
        seen.append(face(k, mouth_net.embed_video(torch.from_numpy(frames)[None])[0]))
    found = course(seen, mouth_net.embed_audio(sound[None])[0], speech_share(sound), search=SEARCH)
    assert found.offset == 0
    assert right(found, [1] * 98 + [0] * 100 + [-1] * 98) >= 0.95


def test_a_voice_that_begins_in_the_last_pictures_of_a_face_has_a_chance():
    """Face 0 speaks, then nobody; the next sentence begins just before the cut."""
    sound, speech = noise(400, 0), torch.ones(400)
    speech[180:202] = 0
    seen = [face(0, sound[:200].clone()), face(1, sound[204:400].clone(), first=204)]
    turns = _turns(course(seen, sound, speech, search=SEARCH), seen)
    assert [turn.face for turn in turns][0] == 0 and turns[-1].face == 1
    assert all(0 <= turn.chance <= 1 for turn in turns), turns


def test_short_pauses_do_not_end_a_turn():
    active = torch.tensor([0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0], dtype=torch.bool)
    assert bridged(active, 2).int().tolist() == [0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0]


def test_rttm_is_what_diarization_tools_read():
    one = Face(4, 0.0, np.zeros((10, 4), np.float32), np.ones(10, np.float32))
    turns = [Turn(0.0, 1.5, 4, 0.9), Turn(2.0, 2.25, None, 0.8)]
    lines = rttm(Speakers("a/my talk.mp4", 0.0, 1.0, [one], turns)).splitlines()
    fields = [line.split(" ") for line in lines]
    assert all(len(row) == 10 and row[0] == "SPEAKER" and row[1:3] == ["my_talk", "1"] for row in fields)
    assert [(float(row[3]), float(row[4]), row[7]) for row in fields] == [(0.0, 1.5, "face4"), (2.0, 0.25, "none")]
