"""Every recipe on a small tree of its data set's layout; files are empty, since a recipe opens no video."""

import sys
from pathlib import Path

import pytest

from avsync.data.sources import Source, unique, videos
from avsync.errors import AvsyncError

sys.path.insert(0, str(Path(__file__).parents[2] / "data_prep"))  # as for prepare.py, which is run as a script

from recipes import RECIPES, find, grid, lrs3  # noqa: E402


def draw(root: Path, *files: str, **texts: str) -> Path:
    """Empty files below ``root``, and lists: ``train_txt="..."`` is train.txt."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    for name, text in texts.items():
        stem, _, suffix = name.rpartition("_")
        (root / f"{stem}.{suffix}").write_text(text)
    return root


def read(name: str, root: Path) -> dict[str, Source]:
    """What a recipe yields, by name and in its order; its paths are checked to be below ``root``."""
    found = {source.name: source for source in unique(find(name)(root))}
    assert all(root in source.path.parents for source in found.values())
    return found


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("given", ["absent", "a file", "empty", "other"])
def test_a_folder_that_is_not_the_data_set_is_one_line(name, given, tmp_path):
    root = tmp_path / "data"
    if given == "a file":
        root.touch()
    elif given != "absent":
        root.mkdir()
    if given == "other":
        draw(root, *(f"photos/{number}.jpg" for number in range(7)), *"abcdef")
    with pytest.raises(AvsyncError, match=r"; give the folder of ") as error:
        list(find(name)(root))
    assert str(root) in str(error.value) and "\n" not in str(error.value)
    assert given != "other" or "a, b, c, d, e, ..." in str(error.value)


def test_an_unknown_recipe_is_told_the_known_ones():
    with pytest.raises(AvsyncError, match="recipe=lrs4 .* folder, grid, lrs2, lrs3, voxceleb2, vggsound, audioset"):
        find("lrs4")


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_tells_its_story(name):
    story = sys.modules[f"recipes.{name}"].__doc__
    assert all(part in story for part in ("Source: ", "Licence: ", "Layout:"))


def test_folder(tmp_path):
    draw(tmp_path, "b/talk.MP4", "a.mkv", "b/._talk.mp4", "b/notes.txt", "c.d/e.webm")
    assert [(source.name, source.split) for source in read("folder", tmp_path).values()] == [
        ("a", ""),
        ("b/talk", ""),
        ("c.d/e", ""),
    ]


def test_folder_keeps_suffixes_that_tell_files_apart(tmp_path):
    draw(tmp_path, "a.mkv", "a.mp4", "x/a.mp4")
    assert list(read("folder", tmp_path)) == ["a.mkv", "a.mp4", "x/a"]


def test_folder_has_splits_when_every_video_is_in_one(tmp_path):
    draw(tmp_path, "test/1.mp4", "train/deep/1.mp4", "val/1.mp4", "readme.md")
    assert {source.name: source.split for source in read("folder", tmp_path).values()} == {
        "test/1": "test",
        "train/deep/1": "train",
        "val/1": "val",
    }
    draw(tmp_path, "extra/1.mp4")
    assert {source.split for source in read("folder", tmp_path).values()} == {""}


@pytest.mark.parametrize("below", ["", "video/", "video/mpg_6000/"])
def test_grid(below, tmp_path):
    speakers = {"s10": "swwz1a", "s2": "lgbf9s", "s34": "take2"}
    draw(tmp_path, *(f"{speaker}/{below}{code}.mpg" for speaker, code in speakers.items()), "s3.zip", "samples/a.mpg")
    draw(tmp_path, "alignments/s2/lgbf9s.align", "audio_25k/s2/lgbf9s.wav", "s21/readme.txt")
    found = read("grid", tmp_path)
    assert list(found) == ["s2/lgbf9s", "s10/swwz1a", "s34/take2"]
    assert [source.split for source in found.values()] == ["test", "train", "train"]
    licence = {"licence": "CC BY 4.0"}
    assert found["s2/lgbf9s"].meta == {"speaker": "s2", "text": "lay green by f nine soon"} | licence
    assert found["s34/take2"].meta == {"speaker": "s34"} | licence


def test_grid_spells_its_sentences():
    assert grid.sentence("bbaf2n") == "bin blue at f two now"
    assert grid.sentence("srwzzp") == "set red with z zero please"
    assert [grid.sentence(code) for code in ("swiw1a", "bbaf2", "bbaf2nn", "BBAF2N")] == [""] * 4
    assert [len(words) for words in grid.WORDS] == [4, 4, 4, 25, 10, 4]


LRS2 = {
    "pretrain_txt": "55/00001\n",
    "train_txt": "62/00002\n61/00001\n\n",
    "val_txt": "63/00001\n",
    "test_txt": "64/00001 NF\n64/00002 MV\n",
}


@pytest.mark.parametrize("lists", ["inside", "beside"])
@pytest.mark.parametrize("given", ["mvlrs_v1", "its parent"])
def test_lrs2(lists, given, tmp_path):
    data = tmp_path / "mvlrs_v1"
    draw(data, "pretrain/55/00001.mp4", "main/61/00001.mp4", "main/64/00001.mp4", "main/99/00001.mp4")
    (data / "main/61/00001.txt").write_text("Text:  WHEN YOU'RE COOKING\nConf:  5\n")
    (data / "pretrain/55/00001.txt").write_text("Text:  GOOD\nConf:  3\n\nWORD START END ASDSCORE\nGOOD 0.1 0.4 7.1\n")
    draw(data if lists == "inside" else tmp_path, **LRS2)
    found = read("lrs2", tmp_path if given == "its parent" else data)
    assert {name: source.split for name, source in found.items()} == {
        "pretrain/55/00001": "pretrain",
        "main/61/00001": "train",
        "main/62/00002": "train",
        "main/63/00001": "val",
        "main/64/00001": "test",
        "main/64/00002": "test",
    }  # 99 is in no list
    assert list(found)[1:3] == ["main/61/00001", "main/62/00002"]
    assert [name for name, source in found.items() if source.path.is_file()] == [
        "pretrain/55/00001",
        "main/61/00001",
        "main/64/00001",
    ]
    assert found["main/61/00001"].meta["text"] == "WHEN YOU'RE COOKING"
    assert found["pretrain/55/00001"].meta["text"] == "GOOD"
    assert "text" not in found["main/62/00002"].meta and found["main/64/00002"].meta["tag"] == "MV"


def test_lrs2_leaves_out_what_was_not_downloaded(tmp_path):
    draw(tmp_path, "main/61/00001.mp4", **LRS2)
    assert {source.split for source in read("lrs2", tmp_path).values()} == {"train", "val", "test"}


def test_lrs3(tmp_path):
    held = next(talk for talk in map("talk{}".format, range(1000)) if lrs3.held_out(talk))
    folders = [f"{folder}/{talk}" for folder in ("trainval", "test", "pretrain") for talk in (held, "00j9bKdiOjk")]
    draw(tmp_path, *(f"{folder}/00001.mp4" for folder in folders), "trainval/00j9bKdiOjk/00002.mp4")
    (tmp_path / "test/00j9bKdiOjk/00001.txt").write_text("Text:  SO {LAUGHTER} IT'S\nConf:  2\nRef:  00j9bKdiOjk\n")
    found = read("lrs3", tmp_path)
    assert {name: source.split for name, source in found.items()} == {
        "pretrain/00j9bKdiOjk/00001": "pretrain",
        f"pretrain/{held}/00001": "val",
        "trainval/00j9bKdiOjk/00001": "train",
        "trainval/00j9bKdiOjk/00002": "train",
        f"trainval/{held}/00001": "val",
        "test/00j9bKdiOjk/00001": "test",
        f"test/{held}/00001": "test",
    }
    assert list(found)[2:4] == ["trainval/00j9bKdiOjk/00001", "trainval/00j9bKdiOjk/00002"]
    assert found["test/00j9bKdiOjk/00001"].meta["text"] == "SO {LAUGHTER} IT'S"
    assert found["test/00j9bKdiOjk/00001"].meta["video"] == "00j9bKdiOjk"


def test_lrs3_holds_out_one_talk_in_fifty():
    assert 150 < sum(lrs3.held_out(str(talk)) for talk in range(10_000)) < 250


@pytest.mark.parametrize("line", ["{}\t{}\t{}\t{}\n", "{} ,{} ,{} ,{} \n"])
def test_voxceleb2(line, tmp_path):
    clips = ["id00017/_video/00002", "id00017/_video/00001", "id00012/21Uxsk56VDQ/00001"]
    draw(tmp_path, *(f"dev/mp4/{clip}.mp4" for clip in clips), f"dev/aac/{clips[0]}.m4a", f"dev/aac/{clips[1]}.wav")
    draw(tmp_path, "test/mp4/id00061/cAT9aR8oFx0/00141.mp4")
    rows = [("VoxCeleb2 ID", "VGGFace2 ID", "Gender", "Set"), ("id00012", "n000012", "m", "dev")]
    (tmp_path / "vox2_meta.csv").write_text("".join(line.format(*row) for row in rows))
    found = read("voxceleb2", tmp_path)
    assert list(found) == [*(f"dev/{clip}" for clip in sorted(clips)), "test/id00061/cAT9aR8oFx0/00141"]
    assert [source.split for source in found.values()] == ["dev", "dev", "dev", "test"]
    assert [source.audio and source.audio.name for source in found.values()] == [None, "00001.wav", "00002.m4a", None]
    meta = found["dev/id00012/21Uxsk56VDQ/00001"].meta
    assert (meta["speaker"], meta["video"], meta["gender"]) == ("id00012", "21Uxsk56VDQ", "m")
    assert "gender" not in found["dev/id00017/_video/00001"].meta


@pytest.mark.parametrize("text", ["", "id,name\nid00012,somebody\n"])
def test_voxceleb2_does_not_guess_at_another_table(text, tmp_path):
    draw(tmp_path, "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", vox2_meta_csv=text)
    with pytest.raises(AvsyncError, match="vox2_meta.csv has columns"):
        list(find("voxceleb2")(tmp_path))


def test_vggsound(tmp_path):
    rows = '-0jeONf82dE,21,"engine accelerating, revving, vroom",train\n---g-f_I2yQ,1,people marching,test\n'
    draw(tmp_path, vggsound_csv=rows + "gonegonegon,100,cat purring,test\nwholewholew,7,cat purring,train\n")
    draw(tmp_path, "vggsound_00/-0jeONf82dE_000021.mp4", "video/---g-f_I2yQ_000001.mkv", "video/wholewholew.webm")
    draw(tmp_path, "video/unlisted_id_000003.mp4")
    found = read("vggsound", tmp_path)
    assert {name: (source.split, source.start, source.end) for name, source in found.items()} == {
        "---g-f_I2yQ_000001": ("test", 0, None),
        "-0jeONf82dE_000021": ("train", 0, None),
        "gonegonegon_000100": ("test", 0, None),
        "wholewholew_000007": ("train", 7, 17),
    }
    assert list(found) == sorted(found)
    assert [source.path.is_file() for source in found.values()] == [True, True, False, True]
    assert found["gonegonegon_000100"].path == tmp_path / "gonegonegon_000100.mp4"
    assert found["-0jeONf82dE_000021"].meta["labels"] == ["engine accelerating, revving, vroom"]


@pytest.mark.parametrize("row", ["abc,1.5,cat purring,test", "abc,1,cat purring", "id,start,label,split"])
def test_vggsound_names_the_line_it_cannot_read(row, tmp_path):
    draw(tmp_path, vggsound_csv=f"---g-f_I2yQ,1,people marching,test\n{row}\n")
    with pytest.raises(AvsyncError, match=r"vggsound.csv, line 2: .*expected id, whole seconds, label, split"):
        list(find("vggsound")(tmp_path))


HEADER = """# Segments csv created Sun Mar  5 10:54:25 2017
# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=4
# YTID, start_seconds, end_seconds, positive_labels
"""
EVAL = '-0RWZT-miFs, 420.000, 430.000, "/m/03v3yw,/m/0k4j"\n'


@pytest.mark.parametrize(
    ("file", "interval"),
    [
        ("eval/-0RWZT-miFs_420000_430000.mp4", (0, None)),
        ("-0RWZT-miFs_420_430.mp4", (0, None)),
        ("a/b/-0RWZT-miFs_420.000.mkv", (0, None)),
        ("Y-0RWZT-miFs.mp4", (0, None)),
        ("-0RWZT-miFs.mp4", (420, 430)),
        ("-0RWZT-miFs_999.mp4", None),
    ],
)
def test_audioset_finds_files_by_the_names_downloaders_give(file, interval, tmp_path):
    draw(tmp_path, file, eval_segments_csv=HEADER + EVAL)
    (source,) = read("audioset", tmp_path).values()
    assert source.name == "eval/-0RWZT-miFs_420000_430000"
    assert source.path.is_file() == (interval is not None)
    assert (source.start, source.end) == (interval or (0, None))
    if interval:
        assert source.path == tmp_path / file


def test_audioset(tmp_path):
    rows = 'zzzzzzzzzzz, 0.000, 10.000, "/m/0k4j"\naaaaaaaaaaa, 30.500, 40.500, "/m/0k4j,/t/dd00088"\n'
    names = 'index,mid,display_name\n0,/m/03v3yw,Keys jangling\n300,/m/0k4j,"Car, or so"\n'
    draw(tmp_path, eval_segments_csv=HEADER + EVAL, balanced_train_segments_csv=HEADER + rows)
    assert read("audioset", tmp_path)["eval/-0RWZT-miFs_420000_430000"].meta["labels"] == ["/m/03v3yw", "/m/0k4j"]
    draw(tmp_path, class_labels_indices_csv=names)
    found = read("audioset", tmp_path)
    assert {name: (source.split, source.meta["labels"]) for name, source in found.items()} == {
        "balanced_train/aaaaaaaaaaa_30500_40500": ("balanced_train", ["Car, or so", "/t/dd00088"]),
        "balanced_train/zzzzzzzzzzz_0_10000": ("balanced_train", ["Car, or so"]),
        "eval/-0RWZT-miFs_420000_430000": ("eval", ["Keys jangling", "Car, or so"]),
    }
    assert list(found)[0].startswith("balanced_train/aaa")


@pytest.mark.parametrize("row", ["-0RWZT-miFs, 420.000, 430.000", "YTID, start_seconds, end_seconds, labels"])
def test_audioset_names_the_line_it_cannot_read(row, tmp_path):
    draw(tmp_path, eval_segments_csv=f"{HEADER}{EVAL}{row}\n")
    with pytest.raises(AvsyncError, match="eval_segments.csv, line 5: .*expected id, start, end"):
        list(find("audioset")(tmp_path))


def test_a_name_given_twice_is_told_with_both_files(tmp_path):
    draw(tmp_path, "s1/bbaf2n.mpg", "s1/video/bbaf2n.mpg")
    with pytest.raises(AvsyncError, match=r"s1/bbaf2n names both .*s1/bbaf2n.mpg and .*s1/video/bbaf2n.mpg"):
        read("grid", tmp_path)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"start": -1.0}, {"start": 2.0, "end": 2.0}])
def test_a_source_has_a_name_and_an_interval(wrong):
    with pytest.raises(AvsyncError):
        Source(**{"path": Path("a.mp4"), "name": "a"} | wrong)


def test_videos_are_files_that_are_not_hidden(tmp_path):
    draw(tmp_path, "b.mov", "a/c.TS", ".b.mov", "d.txt", "folder.mp4/e.avi")
    assert videos(tmp_path) == [tmp_path / name for name in ("a/c.TS", "b.mov", "folder.mp4/e.avi")]


def test_videos_in_linked_folders_are_found_and_no_link_is_followed_for_ever(tmp_path):
    draw(tmp_path / "disk", "a.mp4", "deep/b.mp4")
    draw(tmp_path / "in", "c.mp4", "sub/d.mp4")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "in" / "linked.mp4").symlink_to(tmp_path / "disk" / "a.mp4")
    (tmp_path / "in" / "again").symlink_to("sub")  # found by its own name
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "disk" / "deep" / "up").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "deep" / "out").symlink_to(tmp_path / "in")
    (tmp_path / "disk" / "deep" / "self").symlink_to("self")
    found = [path.relative_to(tmp_path / "in").as_posix() for path in videos(tmp_path / "in")]
    assert found == ["c.mp4", "linked/a.mp4", "linked/deep/b.mp4", "linked.mp4", "sub/d.mp4"]
