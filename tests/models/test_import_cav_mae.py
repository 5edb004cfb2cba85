"""CAV-MAE's released weights: the same numbers come out, with our network, from ``avsync import``."""

import pytest
import torch

from avsync import cli
from avsync.models import checkpoints
from avsync.models.masking import Hidden
from cav_mae_original import SMALL, STATE, Original

LOST = [
    "patch_embed_v.proj.bias", "modality_a", "cls_token_v", "blocks_a.1.attn.qkv.bias", "blocks_v.0.norm2.weight",
    "blocks_u.0.norm1.weight", "blocks_u.0.norm2_v.bias", "blocks_u.0.mlp.fc1.weight", "norm_a.bias", "norm.weight",
    "mask_token", "decoder_modality_v", "decoder_pos_embed_v", "decoder_blocks.1.norm1.bias", "decoder_pred_a.weight",
]  # fmt: skip
"""Tensors that a file may lack and still tell its sizes."""


def imported(state, folder):
    torch.save(state, folder / "given.pth")
    status = cli.main(["import", str(folder / "given.pth"), str(folder / "out.ckpt")])
    return status, folder / "out.ckpt"


@pytest.fixture(params=[8, 4, None], ids=["sync", "four registers", "cav_mae"])
def original(request):
    torch.manual_seed(0)
    net = Original(**SMALL, registers=request.param).eval()
    for parameter in net.parameters():  # norms of a trained network are not 1 and 0
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


def test_the_reference_has_the_released_tensors():
    with torch.device("meta"):
        state = Original().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == STATE
    assert len(state) == 650


@pytest.mark.parametrize("prefix", ["", "module."])
@torch.no_grad()
def test_tokens_latents_and_reconstructions_are_the_originals(original, prefix, tmp_path, capsys):
    status, path = imported({prefix + name: tensor for name, tensor in original.state_dict().items()}, tmp_path)
    assert status == 0 and ("cav_mae_sync" in capsys.readouterr().out) == (original.registers is not None)
    net, _ = checkpoints.load(path)
    windows, pictures = torch.randn(3, 48, 128), torch.randn(3, 3, 32, 32)
    seen_a = torch.stack([torch.randperm(24)[:6] for _ in range(3)])
    seen_v = torch.stack([torch.randperm(4)[:2] for _ in range(3)])
    net.masking.hide_audio = lambda *_: Hidden(seen_a, torch.ones(3, 24).scatter(1, seen_a, 0.0))
    net.masking.hide_video = lambda *_: Hidden(seen_v, torch.ones(3, 4).scatter(1, seen_v, 0.0))
    latent = []
    net.joint.register_forward_hook(lambda _module, _given, out: latent.append(out.get("joint")))
    expected, got = original(windows, pictures, seen_a, seen_v), net(windows, pictures)
    for name in ("token_a", "token_v", "pred_a", "pred_v"):
        assert torch.allclose(getattr(got, name), expected[name], atol=1e-4), name
    assert torch.allclose(latent[0], expected["latent"], atol=1e-4)
    everything = torch.arange(24).expand(3, -1), torch.arange(4).expand(3, -1)
    whole = original(windows, pictures, *everything)
    assert torch.allclose(net.encode_audio(windows).token, whole["token_a"], atol=1e-4)
    assert torch.allclose(net.encode_video(pictures).token, whole["token_v"], atol=1e-4)


def test_what_an_import_hears_and_sees_is_read_from_its_tensors(original, tmp_path):
    net, _ = checkpoints.load(imported(original.state_dict(), tmp_path)[1])
    assert (net.audio_seconds, net.video_features.size, net.frames) == (0.48, 32, 16)
    registers = net.audio_encoder.registers
    assert (0 if registers is None else registers.shape[1]) == (original.registers or 0)


def test_what_is_wanting_or_too_much_is_told(tmp_path, capsys):
    state = Original(**SMALL).state_dict()
    wrong = {
        "lacks pos_embed_v": {name: tensor for name, tensor in state.items() if name != "pos_embed_v"},
        **{f"lacks {lost} of": {k: v for k, v in state.items() if k != lost} for lost in LOST},
        "mlp_head.weight": state | {"mlp_head.weight": torch.zeros(3, 128)},
        "norm.weight is (5,)": state | {"norm.weight": torch.zeros(5)},
    }
    for words, tensors in wrong.items():
        status, path = imported(tensors, tmp_path)
        told = capsys.readouterr().err
        assert status == 2 and words in told and told.count("\n") == 1 and not path.exists()


def test_offsets_are_not_measured_with_it(tmp_path, capsys):
    _, path = imported(Original(**SMALL).state_dict(), tmp_path)
    assert cli.main(["offset", "talk.mp4", "--checkpoint", str(path)]) == 2
    told = capsys.readouterr().err
    assert "CavMae" in told and "SyncNet" in told and told.count("\n") == 1


def test_it_is_handed_on_as_any_checkpoint(tmp_path):
    _, path = imported(Original(**SMALL).state_dict(), tmp_path)
    assert cli.main(["export", str(path), str(tmp_path / "given")]) == 0
    assert "masked autoencoder" in (tmp_path / "given" / "README.md").read_text()
    one, other = checkpoints.load(path)[0], checkpoints.load(tmp_path / "given" / "model.safetensors")[0]
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
