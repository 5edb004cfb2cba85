"""Who speaks, on real talkers set side by side with one voice.

    python experiments/speakers.py CLIPS --checkpoint syncnet --out experiments/speakers.md

CLIPS holds one folder a set. Faces are cut out of the clips and set side by side, two or three, into stretches of 5 s
(as long as the clip where it is shorter; clips of a set of one person, --same, are joined). All of them talk; the voice
is that of one or, dubbed, that of somebody of another corpus (GRID's sentences have the same words at the same times:
dubbed with each other they partly are in sync). The files are written and measured as ``avsync speakers`` measures
them: nothing is given, neither boxes nor offset. Frames of 40 ms of sound count where there is voice: right is the face
whose voice it is, in a dubbed file nobody. They are looked up where the file's measured offset puts them in the
picture, since some of the footage is out of sync as found. With --same sets there are also files of three stretches:
one face speaks, then the other, then nobody.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

import avsync
from avsync import clock
from avsync.alignment.speakers import Speakers, speakers
from avsync.data.sources import videos
from avsync.data.speech import speech_share
from avsync.errors import AvsyncError
from avsync.faces.follow import follow
from avsync.faces.vision import cv2
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video

LENGTH = clock.frames(5.0)
SHORTEST = clock.frames(2.9)
SPOKEN = 0.5
"""Share of a stretch that is speech at least."""

MOST = clock.frames(15.0)
"""Frames of a clip that are looked at."""

SIDE, ROOM = 256, 2.0
"""Pixels of a face's part of the picture, and how many face widths that shows."""


@dataclass(frozen=True)
class Talk:
    """A stretch of one person: (T, SIDE, SIDE, 3) uint8 and (640 T,) float32."""

    person: str
    frames: np.ndarray
    audio: np.ndarray


def main() -> None:
    """Write the files, measure them, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--checkpoint", required=True, help="a path or a name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["grid_s1", "grid_other", "av_matrix", "talkers"])
    parser.add_argument("--same", nargs="*", default=["grid_s1"], help="sets of one person, whose clips are joined")
    parser.add_argument("--limit", type=int, default=8, help="stretches of a set (default 8)")
    parser.add_argument("--search", type=float, default=0.6, help="seconds to either side (default 0.6)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    talks = {name: _talks(options.clips / name, options, draw) for name in options.sets}
    net = avsync.load(options.checkpoint).net

    rows: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mkv"
        for name, kind, pictures, audio, truth in track(list(_scenes(talks, options, draw)), "measuring"):
            write_video(path, pictures, audio)
            rows[name, kind].append(_right(speakers(path, net, search=clock.frames(options.search)), audio, truth))
            options.out.write_text(_page(rows, options))
    print(options.out.read_text())


def _talks(folder: Path, options: argparse.Namespace, draw: random.Random) -> list[Talk]:
    """Stretches of a set, in an order of chance."""
    files = videos(folder)
    if len(files) > 3 * options.limit:
        files = draw.sample(files, 3 * options.limit)
    clips = [clip for file in track(files, folder.name) if (clip := _cut_out(file)) is not None]
    if folder.name in options.same:
        pairs = zip(clips[::2], clips[1::2], strict=False)
        clips = [Talk(f"{a.person}+{b.person}", *map(np.concatenate, zip((a.frames, a.audio), (b.frames, b.audio),
                 strict=True))) for a, b in pairs]  # fmt: skip
    talks = []
    for clip in clips:
        length = min(LENGTH, len(clip.frames))
        for first in range(len(clip.frames) - length, -1, -LENGTH):
            cut = slice(first * clock.SAMPLES_PER_FRAME, (first + length) * clock.SAMPLES_PER_FRAME)
            spoken = float(speech_share(torch.from_numpy(clip.audio[cut])).mean())
            if length >= SHORTEST and spoken >= SPOKEN:
                talks.append(Talk(clip.person, clip.frames[first : first + length], clip.audio[cut]))
    return draw.sample(talks, len(talks))


def _cut_out(file: Path) -> Talk | None:
    """The largest part of a clip that shows one face from its first frame on."""
    try:
        pictures = list(islice(read_frames(file), MOST))
        faces = list(follow(pictures, size=96, min_seconds=0.4, max_seconds=600))
    except AvsyncError:
        return None
    if not faces:
        return None
    face = max(faces, key=lambda one: len(one.frames))
    x, y = (np.median(face.boxes[:, [k, k + 2]].mean(axis=1)) for k in (0, 1))
    side = ROOM * np.median(face.boxes[:, 2] - face.boxes[:, 0])
    matrix = np.array([[SIDE / side, 0, SIDE / 2 - x * SIDE / side], [0, SIDE / side, SIDE / 2 - y * SIDE / side]])
    first = clock.frames(face.start)
    frames = [
        cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        for k, picture in pictures
        if first <= k < first + len(face.frames)
    ]
    audio = read_audio(file)[first * clock.SAMPLES_PER_FRAME :]
    length = min(len(frames), len(audio) // clock.SAMPLES_PER_FRAME)
    return Talk(file.name, np.stack(frames[:length]), audio[: length * clock.SAMPLES_PER_FRAME])


Scene = tuple[str, str, np.ndarray, np.ndarray, np.ndarray]
"""Set, kind, pictures, sound, and for every frame the place of who speaks, -1 for nobody."""


def _scenes(talks: dict[str, list[Talk]], options: argparse.Namespace, draw: random.Random) -> Iterator[Scene]:
    for name, own in talks.items():
        corpus = name.split("_")[0]
        foreign = [talk for other, some in talks.items() if other.split("_")[0] != corpus for talk in some]
        foreign = foreign or [talk for other, some in talks.items() if other != name for talk in some]
        for talk in own[: options.limit]:
            length = len(talk.frames)
            pool = [one for one in own if one.person != talk.person and len(one.frames) >= length]
            dubs = [one for one in foreign if len(one.frames) >= length]
            for count in (2, 3):
                if len({one.person for one in pool}) < count - 1 or not dubs:
                    continue
                shown = [talk, *draw.sample(pool, count - 1)]
                draw.shuffle(shown)
                pictures = _beside([one.frames[:length] for one in shown])
                yield name, f"{count} faces", pictures, talk.audio, np.full(length, shown.index(talk))
                voice = draw.choice(dubs).audio[: len(talk.audio)]
                yield name, f"{count} faces, dubbed", pictures, voice, np.full(length, -1)
        if name in options.same:
            for k in range(0, min(options.limit, len(own)) - 3, 4):
                yield name, "2 faces, turns of 5 s", *_turns(own[k : k + 4], draw.choice(foreign))


def _turns(four: list[Talk], foreign: Talk) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One speaks, the other, nobody: every face talks all the time."""
    a, b, c, d = four
    left, right = [a, c, b], [d, b, c]
    lengths = [min(len(x.frames), len(y.frames)) for x, y in zip(left, right, strict=True)]
    lengths[2] = min(lengths[2], len(foreign.frames))
    voices = [left[0], right[1], foreign]
    sound = [one.audio[: n * clock.SAMPLES_PER_FRAME] for one, n in zip(voices, lengths, strict=True)]
    sides = [np.concatenate([one.frames[:n] for one, n in zip(side, lengths, strict=True)]) for side in (left, right)]
    return _beside(sides), np.concatenate(sound), np.repeat([0, 1, -1], lengths)


def _beside(faces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(faces, axis=2)


def _right(found: Speakers, audio: np.ndarray, truth: np.ndarray) -> float:
    """Share of the frames of voice that were given to the right face, or to nobody where that is right."""
    place = {face.id: int(np.median(face.boxes[:, [0, 2]]) // SIDE) for face in found.faces}
    answer = np.full(len(truth), -2)
    for turn in found.turns:
        who = -1 if turn.face is None else place[turn.face]
        answer[clock.frames(turn.start) : clock.frames(turn.end)] = who
    share = speech_share(torch.from_numpy(audio)).numpy()
    heard = np.flatnonzero(np.pad(share, (2, 2), mode="edge") > 0.5)
    shown = (heard + clock.frames(found.offset or 0.0)).clip(0, len(truth) - 1)
    return float((answer[shown] == truth[heard]).mean())


def _page(rows: dict[tuple[str, str], list[float]], options: argparse.Namespace) -> str:
    lines = [
        "# Who speaks, on real talkers side by side",
        "",
        f"`python experiments/speakers.py clips --checkpoint {options.checkpoint} --out experiments/speakers.md "
        f"--limit {options.limit} --search {options.search:g} --seed {options.seed}`",
        "",
        *(line for line in (__doc__ or "").splitlines()[4:] if line),
        "",
        "| set | scene | files | frames right | worst file |",
        "|---|---|--:|--:|--:|",
    ]
    for (name, kind), values in sorted(rows.items()):
        lines.append(f"| {name} | {kind} | {len(values)} | {np.mean(values):.3f} | {min(values):.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
