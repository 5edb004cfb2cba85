import numpy as np
import pytest
import torch

from avsync.alignment.distances import distance_matrix
from avsync.errors import MediaError
from avsync.evaluation.lse import lse, lse_of_clip, lse_of_embeddings
from avsync.models import checkpoints
from avsync.models.imports import import_weights
from mouths import draw_mouth
from released import SIZE, evaluate, random_released, score


@pytest.fixture(scope="module")
def clip():
    """A drawn mouth with a colour of its own, so that the order of planes counts."""
    clip = draw_mouth(0, seconds=1.0, size=SIZE)
    clip.frames[..., 0] //= 2
    return clip


@pytest.fixture(scope="module")
def released(clip):
    return random_released(clip.frames, clip.audio)


@pytest.fixture(scope="module")
def checkpoint(released, tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    # the format of its time
    torch.save(released.state_dict(), folder / "syncnet_v2.model", _use_new_zipfile_serialization=False)
    assert import_weights(folder / "syncnet_v2.model", folder / "v2.ckpt") == "syncnet_v2"
    (folder / "syncnet_v2.model").unlink()
    return folder / "v2.ckpt"


@pytest.fixture(scope="module")
def expected(released, clip):
    """What the released code says of the clip with 300 samples cut off: 24 whole frames of sound."""
    return evaluate(released, clip.frames, clip.audio[:-300])


def test_the_imported_network_scores_as_the_released_one(checkpoint, clip, expected):
    net, _ = checkpoints.load(checkpoint)
    found = lse_of_clip(net, clip.frames, clip.audio[:-300])
    offset, distance, confidence, _, _ = expected
    assert found.offset == offset
    assert found.distance == pytest.approx(distance, abs=1e-4) and distance > 1
    assert found.confidence == pytest.approx(confidence, abs=1e-4) and confidence > 1e-3
    assert found.curve[found.offset + 15] == found.curve.min()


@torch.inference_mode()
def test_embeddings_and_distances_are_those_of_the_released_one(checkpoint, clip, expected):
    net, _ = checkpoints.load(checkpoint)
    video = net.embed_video(torch.from_numpy(clip.frames)[None])[0]
    voice = net.embed_audio(torch.from_numpy(clip.audio)[None])[0]
    _, _, _, lips, sound = expected
    assert len(video) == len(voice) == 21 and len(lips) == 19
    assert torch.allclose(video[:19], lips, atol=1e-4) and torch.allclose(voice[:19], sound, atol=1e-4)
    pairs = torch.nn.functional.pairwise_distance(lips[:16], sound[3:19])  # sound 3 later: offset -3
    assert torch.allclose(distance_matrix(video, voice, 15)[:16, 12], pairs, atol=1e-4)


@pytest.mark.parametrize("windows", [1, 12, 60])
def test_the_score_is_that_of_the_loops(windows):
    draw = torch.Generator().manual_seed(windows)
    video, voice = (2 * torch.randn(windows, 64, generator=draw) for _ in range(2))
    found = lse_of_embeddings(video, voice)
    offset, distance, confidence = score(video, voice)
    assert found.offset == offset
    assert found.distance == pytest.approx(distance, abs=1e-4)
    assert found.confidence == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize("offset", [-6, 0, 6])
def test_sound_that_is_early_has_a_positive_offset(offset):
    video = torch.randn(80, 32, generator=torch.Generator().manual_seed(0))
    voice = torch.roll(video, -offset, dims=0)
    assert lse_of_embeddings(video, voice).offset == offset


def test_a_set_has_the_means(mouth_net):
    clips = [draw_mouth(seed, seconds=1.0) for seed in range(3)]
    scores = [lse_of_clip(mouth_net, clip.frames, clip.audio) for clip in clips]
    found = lse(mouth_net, iter(clips))
    assert found["clips"] == 3
    assert found["lse_d"] == pytest.approx(np.mean([score.distance for score in scores]))
    assert found["lse_c"] == pytest.approx(np.mean([score.confidence for score in scores]))


def test_less_than_two_windows_are_refused(mouth_net):
    clip = draw_mouth(0, seconds=0.2)
    with pytest.raises(MediaError, match="5 frames.*6 or more"):
        lse_of_clip(mouth_net, clip.frames, clip.audio)


@pytest.fixture(scope="module")
def mouth_net():
    """Any network of two towers will do for the rules."""
    torch.manual_seed(0)
    towers = {"widths": [2, 2, 2, 2, 2], "full": [4], "embedding": 8}
    return checkpoints.build(
        {
            "_target_": "avsync.models.syncnet.SyncNet",
            "video_features": {"_target_": "avsync.features.colour.ColourFrames"},
            "audio_features": {"_target_": "avsync.features.mfcc.Mfcc"},
            "video_tower": {"_target_": "avsync.models.syncnet_vgg.VideoTower", **towers},
            "audio_tower": {"_target_": "avsync.models.syncnet_vgg.AudioTower", **towers},
            "unit": False,
        }
    ).eval()
