"""Every damage is found, and nothing is in sound shards."""

import json
import shutil
import tarfile

import pytest

from avsync.cli import main
from avsync.data.shards import write_shards
from avsync.data.verify import verify
from mouths import draw_mouth, encoded, write_mouths
from rows import check_row


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_mouths(tmp_path_factory.mktemp("shards"), range(6), seconds=1.0, shard_samples=3)


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "copy")


def problems(folder):
    *_, report = verify(folder)
    return report.problems


def offsets(shard):
    """Where each member's header starts."""
    with tarfile.open(shard) as tar:
        return [member.offset for member in tar]


def test_sound_shards_have_no_problem(folder):
    *_, report = verify(folder)
    assert (report.shards, report.samples, report.problems) == (2, 6, [])
    assert report.seconds == pytest.approx(6.0)


def cut_between_members(shard):
    return shard.read_bytes()[: offsets(shard)[3]]


def cut_in_a_header(shard):
    return shard.read_bytes()[: offsets(shard)[3] + 200]


def cut_to_half_a_sample(shard):
    return shard.read_bytes()[: offsets(shard)[4]]


def flip_in_a_header(shard):
    return _flipped(shard, offsets(shard)[3] + 50)


def flip_in_a_payload(shard):
    return _flipped(shard, offsets(shard)[3] + 512 + 300)


def _flipped(shard, at):
    data = bytearray(shard.read_bytes())
    data[at] ^= 0xFF
    return bytes(data)


DAMAGES = [cut_between_members, cut_in_a_header, cut_to_half_a_sample, flip_in_a_header, flip_in_a_payload]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_shard_is_named(folder, damage):
    shard = folder / "shards" / "000001.tar"
    shard.write_bytes(damage(shard))
    found = problems(folder)
    assert found and all(line.startswith("000001.tar: ") for line in found)
    assert any("differ from index.json" in line for line in found)


@pytest.mark.parametrize("damage", DAMAGES[:4], ids=lambda damage: damage.__name__)
def test_the_tar_alone_tells_too(folder, damage):
    """As when the index was made after the damage."""
    shard = folder / "shards" / "000001.tar"
    shard.write_bytes(damage(shard))
    assert any("differ" not in line for line in problems(folder))


def test_a_missing_and_an_unknown_shard(folder):
    (folder / "shards" / "000000.tar").rename(folder / "shards" / "000007.tar")
    missing, *_, unknown = problems(folder)
    assert "000000.tar: missing" in missing and "000007.tar: not in index" in unknown


def test_a_key_twice_in_different_shards(tmp_path):
    sample = encoded(draw_mouth(1, 1.0))
    write_shards([sample, sample], tmp_path, shard_samples=1)
    assert problems(tmp_path) == [f"000001.tar: key {sample['__key__']} is already in 000000.tar"]


def test_a_key_twice_in_a_row(tmp_path):
    sample = encoded(draw_mouth(1, 1.0))
    write_shards([sample, sample], tmp_path)
    assert problems(tmp_path) == [f"000000.tar: key {sample['__key__']} is already in 000000.tar"]


@pytest.mark.parametrize("member", ["mp4", "flac", "json"])
def test_a_missing_member(tmp_path, member):
    sample = encoded(draw_mouth(1, 1.0))
    del sample[member]
    write_shards([encoded(draw_mouth(2, 1.0)), sample], tmp_path)
    assert problems(tmp_path) == [f"000000.tar: {sample['__key__']} has no member {member}"]


def test_picture_and_sound_of_different_length(tmp_path):
    sample, other = encoded(draw_mouth(1, 1.0)), encoded(draw_mouth(2, 2.0))
    write_shards([{**sample, "flac": other["flac"]}], tmp_path)
    (problem,) = problems(tmp_path)
    assert "25 frames and 32000 samples" in problem


def test_a_member_that_does_not_decode(tmp_path):
    sample = encoded(draw_mouth(1, 1.0))
    write_shards([{**sample, "mp4": b"not a video at all" * 100}], tmp_path)
    (problem,) = problems(tmp_path)
    assert "does not decode" in problem


def test_the_command(folder, capsys):
    assert main(["verify", str(folder)]) == 0
    assert "6 clips, 6 s: sound" in capsys.readouterr().out
    shard = folder / "shards" / "000001.tar"
    shard.write_bytes(cut_between_members(shard))
    assert main(["verify", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["shards"] == 2 and report["samples"] == 4 and report["problems"]
    check_row("verify", report)
    assert main(["verify", str(folder / "nowhere"), "--json"]) == 2
    check_row("error", json.loads(capsys.readouterr().out))


def test_the_folder_of_the_tars_is_told_from_the_one_around_it(folder, capsys):
    assert main(["verify", str(folder / "shards")]) == 2
    assert f"give the folder around it, {folder}" in capsys.readouterr().err
