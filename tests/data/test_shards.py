import numpy as np
import pytest

from avsync.data.shards import Frames, ShardError, Shards, decode_frames, read_clips, read_index, verified_shards
from mouths import draw_mouth, write_mouths


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_mouths(tmp_path_factory.mktemp("shards"), range(10), seconds=1.0)


def copy_of(written, tmp_path):
    import shutil

    return shutil.copytree(written, tmp_path / "copy")


def test_what_is_written_is_read(written):
    clips = list(read_clips(written))
    assert [clip.key for clip in clips] == [f"mouth{n:04d}" for n in range(10)]
    drawn = draw_mouth(3, 1.0)
    read = clips[3]
    assert read.frames.shape == drawn.frames.shape and read.meta == drawn.meta
    assert np.abs(read.audio - drawn.audio).max() < 2 / 2**15  # lossless but for 16 bits
    assert np.abs(read.frames.astype(int) - drawn.frames).mean() < 4


def test_the_same_clips_give_the_same_bytes(written, tmp_path):
    again = write_mouths(tmp_path / "again", range(10), seconds=1.0)
    assert read_index(again) == read_index(written)


@pytest.mark.parametrize("damage", ["cut", "header", "payload", "missing"])
def test_damage_that_webdataset_does_not_see_is_refused(written, tmp_path, damage):
    folder = copy_of(written, tmp_path)
    shard = folder / "shards" / "000000.tar"
    data = bytearray(shard.read_bytes())
    if damage == "cut":
        shard.write_bytes(data[: len(data) // 1024 * 512])
    elif damage == "missing":
        shard.unlink()
    else:
        data[10 if damage == "header" else 2000] ^= 1
        shard.write_bytes(data)
    for look in (verified_shards, lambda damaged: list(read_clips(damaged))):
        with pytest.raises(ShardError, match="000000.tar is (missing|damaged)"):
            look(folder)
    if damage in ("cut", "missing"):  # what costs nothing is seen at once
        with pytest.raises(ShardError, match="000000.tar is (missing|damaged)"):
            Shards([folder])


def test_bytes_are_compared_when_a_shard_is_opened_and_not_before(written, monkeypatch):
    """A large set would be read for hours before the first step, on each device."""
    from avsync.data import shards as module

    read, plain = [], module._sha256
    monkeypatch.setattr(module, "_sha256", lambda path: read.append(path.name) or plain(path))
    shards = Shards([written])
    assert len(shards.urls) == 2 and not read
    first = next(shards.samples(shards.urls[0]))
    assert first["__key__"] == "mouth0000" and read == ["000000.tar"]


def test_frames_are_decoded_when_they_are_asked_for_and_once(monkeypatch):
    from avsync.data import shards as module
    from avsync.media.write import encode_video

    data, decoded = encode_video(draw_mouth(3, 1.0).frames), []
    every = decode_frames(data)
    monkeypatch.setattr(
        module, "decode_frames", lambda data, which: decoded.extend(which.tolist()) or decode_frames(data, which)
    )
    frames = Frames(data, len(every))
    assert len(frames) == 25 and not decoded
    assert np.array_equal(frames[7], every[7])
    which = np.array([[20, 7, 20], [3, 20, 24]])
    assert np.array_equal(frames[which], every[which])
    assert sorted(decoded) == [3, 7, 20, 24]


def test_a_folder_without_shards_says_what_to_do(tmp_path):
    with pytest.raises(ShardError, match="data_prep/prepare.py"):
        read_index(tmp_path)


def test_a_writer_that_fails_leaves_what_was_there(written, tmp_path):
    from avsync.data.shards import write_shards

    folder = copy_of(written, tmp_path)

    def broken():
        yield {"__key__": "one", "mp4": b"1", "flac": b"2", "json": b"{}"}
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_shards(broken(), folder)
    assert len(list(read_clips(folder))) == 10
