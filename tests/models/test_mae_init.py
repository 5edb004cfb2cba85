import pytest
import torch

from avsync.features.fbank import Fbank
from avsync.features.picture import Picture
from avsync.models.cav_mae import CavMae
from avsync.models.checkpoints import CheckpointError
from avsync.models.mae_init import initialise_from_mae

SIZE = {"width": 32, "heads": 2, "depth": 2, "joint_depth": 1, "decoder_width": 16, "decoder_heads": 2,
        "decoder_depth": 2}  # fmt: skip


def blocks(name: str, width: int, count: int) -> dict[str, torch.Tensor]:
    shapes = {"norm1": (width,), "norm2": (width,), "attn.qkv": (3 * width, width), "attn.proj": (width, width),
              "mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}  # fmt: skip
    return {
        f"{name}.{number}.{part}.{kind}": torch.randn(shape if kind == "weight" else shape[:1])
        for number in range(count)
        for part, shape in shapes.items()
        for kind in ("weight", "bias")
    }


def autoencoder(decoder: bool, width: int = 32) -> dict[str, torch.Tensor]:
    """A masked autoencoder of pictures of 64 pixels, its tensors named as in the released files."""
    torch.manual_seed(0)
    state = {"cls_token": torch.randn(1, 1, width), "pos_embed": torch.randn(1, 17, width)}
    state |= {"patch_embed.proj.weight": torch.randn(width, 3, 16, 16), "patch_embed.proj.bias": torch.randn(width)}
    state |= {"norm.weight": torch.randn(width), "norm.bias": torch.randn(width)} | blocks("blocks", width, 3)
    if decoder:
        state |= {"decoder_embed.weight": torch.randn(16, width), "decoder_embed.bias": torch.randn(16)}
        state |= {"mask_token": torch.randn(1, 1, 16), "decoder_pos_embed": torch.randn(1, 17, 16)}
        state |= {"decoder_norm.weight": torch.randn(16), "decoder_norm.bias": torch.randn(16)}
        state |= {"decoder_pred.weight": torch.randn(768, 16), "decoder_pred.bias": torch.randn(768)}
        state |= blocks("decoder_blocks", 16, 2)
    return state


@pytest.fixture
def start(tmp_path):
    def started(content, **changes):
        torch.save(content, tmp_path / "mae.pth")
        given = {"video_features": Picture(64), "size": SIZE, "audio_seconds": 0.48} | changes
        net = CavMae(Fbank(), **given)
        initialise_from_mae(net, tmp_path / "mae.pth")
        return net

    return started


@pytest.mark.parametrize("decoder", [False, True])
def test_every_block_begins_as_the_autoencoders(start, decoder):
    state = autoencoder(decoder)
    net = start({"model": state})
    ours = net.state_dict()
    for encoder in ("audio_encoder", "video_encoder"):
        assert torch.equal(ours[f"{encoder}.blocks.1.attention.qkv.weight"], state["blocks.1.attn.qkv.weight"])
        assert torch.equal(ours[f"{encoder}.blocks.0.norm2.own.bias"], state["blocks.0.norm2.bias"])
    for part in ("audio", "video", "joint"):
        assert torch.equal(ours[f"joint.blocks.0.norm1.{part}.weight"], state["blocks.2.norm1.weight"])
        assert torch.equal(ours[f"joint.norms.{part}.weight"], state["norm.weight"])
    assert (
        torch.equal(ours["decoder.blocks.1.mlp.fc2.weight"], state["decoder_blocks.1.mlp.fc2.weight"]) if decoder else 1
    )
    assert torch.equal(ours["video_encoder.positions.table"], state["pos_embed"][:, 1:])
    assert ours["audio_encoder.positions.table"].shape == (1, 8 * 3, 32)


@torch.no_grad()
def test_sound_is_seen_as_a_grey_picture(start):
    """The mean over the planes of a third each: what a grey picture a third as bright on every plane gives."""
    state = autoencoder(True)
    net = start(state)
    grey = torch.randn(2, 1, 16, 16)
    kernel = state["patch_embed.proj.weight"]
    seen = torch.nn.functional.conv2d(grey.expand(-1, 3, -1, -1) / 3, kernel, state["patch_embed.proj.bias"])
    heard = net.audio_encoder.embed(grey.flatten(1))
    assert torch.allclose(heard, seen.flatten(1), atol=1e-4)
    token = torch.randn(1, 16)
    told = net.decoder.video_pixels(token).unflatten(1, (256, 3)).mean(dim=2)
    assert torch.allclose(net.decoder.audio_pixels(token), told, atol=1e-5)


@torch.no_grad()
def test_a_change_that_the_weights_know_nothing_of_counts_for_nothing(start):
    state, frames = autoencoder(True), torch.randint(0, 256, (2, 64, 64, 6))
    plain, changed = start(state), start(state, video_features=Picture(64, before=2))
    known = plain.state_dict()
    for name, value in changed.state_dict().items():  # tokens of our own begin as chance will have it
        if value.shape == known[name].shape:
            value.copy_(known[name])
    seen = changed.encode_video(changed.video_features(frames)).token
    assert torch.allclose(seen, plain.encode_video(plain.video_features(frames[..., :3])).token, atol=1e-5)


def test_smooth_positions_stay_smooth_on_another_grid(start):
    state = autoencoder(False)
    ramp = torch.linspace(0, 1, 4)[:, None].expand(4, 4).flatten()  # from the first row to the last
    state["pos_embed"][0, 1:] = ramp[:, None]
    table = start(state).audio_encoder.positions.table[0].unflatten(0, (8, 3))
    assert (table.diff(dim=0) > -1e-3).all() and table.diff(dim=1).abs().max() < 1e-3
    assert table[0].mean() < 0.1 and table[-1].mean() > 0.9


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        (autoencoder(False, width=48), {}, "does not fit"),
        (autoencoder(False), {"size": SIZE | {"depth": 3}}, "lacks blocks.3"),
        ({"weights": 3}, {}, "lacks patch_embed"),
        (7, {}, "lacks patch_embed"),
    ],
)
def test_another_file_is_one_line(start, content, changes, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        start(content, **changes)
    assert "\n" not in str(caught.value)
