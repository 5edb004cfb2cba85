"""The network's properties; names with a number are of defects in the released code that are not repeated here."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from avsync.errors import AvsyncError
from avsync.features.fbank import Fbank
from avsync.features.picture import Picture
from avsync.models import checkpoints
from avsync.models.cav_mae import CavMae
from avsync.models.masking import Masking
from avsync.models.vit import finely
from conftest import ROOT

SIZE = {"width": 32, "heads": 2, "depth": 2, "joint_depth": 1, "decoder_width": 16, "decoder_heads": 2,
        "decoder_depth": 1}  # fmt: skip
CHOICES = [
    {},
    {"registers": 0},
    {"global_token": False},
    {"registers": 0, "global_token": False, "audio_seconds": None},
    {"contrastive_heads": 2},
    {"learned_positions": True},
    {"audio_seconds": 1.92},
    {"masking": Masking(kind="time")},
    {"masking": Masking(kind="frequency")},
    {"masking": Masking([0.6, 0.9], [0.6, 0.9], kind="both")},
    {"size": SIZE | {"joint_depth": 2}},
    {"standardized": True},
    {"standardized": True, "global_token": False},
    {"size": SIZE | {"stem": [4, 8, 8, 16]}},
    {"places": True},
    {"standardized": True, "places": True},
]


def make(**changes) -> CavMae:
    torch.manual_seed(0)
    given = {"video_features": Picture(48), "size": SIZE, "audio_seconds": 0.64, "registers": 3} | changes
    return CavMae(Fbank(), **given)


def inputs(count: int = 2, steps: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, steps, 128, generator=draw), torch.randn(count, 3, 48, 48, generator=draw)


def clips() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frames, sound and times of two clips of 3 s."""
    draw = torch.Generator().manual_seed(2)
    frames = torch.randint(0, 256, (2, 4, 60, 50, 3), dtype=torch.uint8, generator=draw)
    return frames, 0.1 * torch.randn(2, 48_000, generator=draw), torch.tensor([[0.0, 1.0, 2.0, 2.96]] * 2)


def test_change_is_seen_and_the_picture_reconstructed():
    """A network that sees it tells pictures apart that differ in nothing else; what is made again is the picture."""
    net = make(video_features=Picture(48, before=2)).eval()
    frames = torch.zeros(1, 2, 48, 48, 6, dtype=torch.uint8)
    frames[0, 1, 20:30, 20:30, 3:] = 200
    still, moved = net.embed_video(frames)[0]
    assert (still - moved).abs().max() > 1e-3
    pictures = net.video_features(frames)[0]
    out = net(inputs()[0], pictures)
    assert out.pred_v.shape == (2, 9, 3 * 256)
    assert torch.equal(net.patchify_video(pictures), make().patchify_video(pictures[:, :3]))
    assert torch.equal(net.patchify_video(pictures)[0], net.patchify_video(pictures)[1])


@torch.no_grad()
def test_reconstructing_some_pairs_changes_nothing_else():
    net = make(places=True).eval()
    windows, pictures = inputs(4)
    whole, some = (net(windows, pictures, torch.Generator().manual_seed(3), rows) for rows in (None, 3))
    for name, value in whole._asdict().items():
        kept = value[:3] if name.startswith(("pred", "mask")) else value
        assert torch.allclose(getattr(some, name), kept, atol=1e-5), name


@pytest.mark.parametrize("changes", CHOICES, ids=str)
def test_every_choice_reconstructs_embeds_and_trains_all_it_has(changes):
    net = make(**changes)
    windows, pictures = inputs(steps=16 * net.columns)
    out = net(windows, pictures)
    assert out.token_a.shape == out.token_v.shape == out.mean_a.shape == out.mean_v.shape == (2, 32)
    assert out.pred_a.shape == net.patchify_audio(windows).shape and out.pred_v.shape == (2, 9, 768)
    sum(part.square().sum() for part in out[:6]).backward()
    unused = [name for name, value in net.named_parameters() if value.requires_grad and value.grad is None]
    assert not unused  # several processes wait for the gradient of each
    frames, audio, times = clips()
    for embedded in (net.embed_audio(audio, times), net.embed_video(frames)):
        assert embedded.shape == (2, 4, 32)
        assert torch.allclose(embedded.norm(dim=2), torch.ones(2, 4), atol=1e-5)


@pytest.mark.parametrize("changes", CHOICES[:5], ids=str)
def test_what_is_hidden_changes_nothing(changes):
    net = make(**changes)
    windows, pictures = (given.requires_grad_() for given in inputs())
    out = net(windows, pictures)
    sum(part.square().sum() for part in out[:6]).backward()
    moved_a = net.patchify_audio(windows.grad).abs().sum(dim=2)
    moved_v = net.patchify_video(pictures.grad).abs().sum(dim=2)
    assert torch.equal(moved_a == 0, out.mask_a == 1) and torch.equal(moved_v == 0, out.mask_v == 1)


def test_what_is_standardized_has_no_mean_and_one_variance_and_is_held_in_evaluation():
    net = make(standardized=True, masking=Masking(0.0, 0.0))
    windows, pictures = inputs(64)
    for _ in range(80):
        out = net(windows, pictures)
    for told in (out.token_a, out.token_v, out.mean_a, out.mean_v):
        assert told.mean(0).abs().max() < 1e-4 and (told.std(0) - 1).abs().max() < 0.05
    seen = net.eval().encode_video(pictures)
    assert torch.allclose(seen.token, out.token_v, atol=0.1)
    assert torch.allclose(seen.patches.flatten(1, 2).mean(dim=1), out.mean_v, atol=0.1)


def test_what_is_hidden_is_never_computed():
    net, lengths = make(), []
    for encoder in (net.audio_encoder, net.video_encoder):
        encoder.embed.register_forward_hook(lambda _module, _given, out: lengths.append(out.shape[1]))
        encoder.blocks[0].register_forward_hook(lambda _module, _given, out: lengths.append(out.shape[1]))
    net(*inputs())
    assert lengths == [8, 1 + 8 + 3, 2, 1 + 2 + 3]  # of 32 and 9 patches a quarter


def test_the_contrast_and_the_reconstruction_see_what_they_should():
    """The global token is kept out of the reconstruction; sound's token does not see the picture."""
    net = make()
    out = net(*inputs(), torch.Generator().manual_seed(0))
    pictures = out.pred_a.square().sum() + out.pred_v.square().sum()
    norms = net.joint.norms
    assert torch.autograd.grad(pictures, norms["audio"].weight, retain_graph=True, allow_unused=True)[0] is None
    windows, other = inputs()
    changed = net(windows, other + 1, torch.Generator().manual_seed(0))
    assert torch.equal(changed.token_a, out.token_a) and not torch.equal(changed.token_v, out.token_v)
    assert not torch.equal(changed.pred_a, out.pred_a)  # each modality helps to reconstruct the other


def test_patches_come_back_to_their_places():
    """In whatever order visible patches are told, the reconstruction is the same."""
    net = make()
    windows, pictures = inputs()
    seen = net.masking.hide_audio(2, (8, 4), windows.device)
    one, grids = net.masking.hide_video(2, (3, 3), windows.device), ((8, 4), (3, 3))
    latent = torch.randn(2, 10, 32)
    expected = net.decoder(latent, (seen.visible, one.visible), grids)
    order = torch.randperm(8)
    shuffled = torch.cat([latent[:, :8][:, order], latent[:, 8:]], dim=1)
    got = net.decoder(shuffled, (seen.visible[:, order], one.visible), grids)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(got, expected, strict=True))


def test_nothing_hidden_in_training_is_what_evaluation_sees():
    net = make(masking=Masking(0.0, 0.0))
    windows, pictures = inputs()
    out, heard, seen = net(windows, pictures), net.encode_audio(windows), net.encode_video(pictures)
    assert torch.allclose(out.token_a, heard.token, atol=1e-5)
    assert torch.allclose(out.token_v, seen.token, atol=1e-5)
    assert torch.allclose(out.mean_v, seen.patches.flatten(1, 2).mean(dim=1), atol=1e-5)


@pytest.mark.parametrize("places", [False, True])
def test_a_place_tells_of_itself_alone(places):
    net = make(places=places).eval()
    _, pictures = inputs()
    pictures.requires_grad_()
    found = net.encode_places(pictures)
    assert found.shape == (2, 3, 3, 32)
    found[0, 1, 2].square().sum().backward()
    seen = net.patchify_video(pictures.grad).abs().sum(dim=2) > 0
    assert seen[0].tolist() == [not places or patch == 1 * 3 + 2 for patch in range(9)] and not seen[1].any()
    if not places:
        assert torch.equal(found, net.encode_video(pictures).patches)


@torch.no_grad()
@pytest.mark.parametrize("finer", [2, 4])
def test_finer_places_lie_where_they_are_looked_at(finer):
    """What is seen of a small spot is most changed at the value in whose middle it lies."""
    net = make(places=True).eval()
    net.video_encoder.positions.table.zero_()  # the same patch says the same anywhere
    step, empty = 16 // finer, torch.zeros(1, 3, 48, 48)
    for row, column in ((finer, finer + 1), (finer // 2, 2 * finer), (2 * finer, finer)):
        spot = empty.clone()
        top, left = (place * step + step // 2 for place in (row, column))
        spot[0, :, top - 8 : top + 8, left - 8 : left + 8] = 1
        target = net.encode_places(torch.ones_like(empty))[0, 1, 1]
        distance = (finely(net.encode_places, spot, finer)[0] - target).norm(dim=-1)
        assert distance.shape == (3 * finer, 3 * finer)
        assert divmod(int(distance.argmin()), 3 * finer) == (row, column)


@pytest.mark.parametrize("finer", [0, 3, 32])
def test_a_patch_has_whole_parts(finer):
    with pytest.raises(AvsyncError, match=f"finer={finer} .*1, 2, 4, 8 or 16"):
        finely(make().encode_places, inputs()[1], finer)


def test_places_in_training_are_those_of_evaluation():
    net = make(places=True, masking=Masking(0.0, 0.0))
    windows, pictures = inputs()
    trained, found = net(windows, pictures).places_v, net.encode_places(pictures).flatten(1, 2)
    assert torch.allclose(trained.sort(dim=1).values, found.sort(dim=1).values, atol=1e-5)  # masks change the order


def test_without_a_global_token_the_mean_of_the_patches_is_contrasted():
    net = make(global_token=False)
    out, heard = net(*inputs()), net.encode_audio(inputs()[0])
    assert torch.equal(out.token_a, out.mean_a) and torch.equal(out.token_v, out.mean_v)
    assert torch.allclose(heard.token, heard.patches.flatten(1, 2).mean(dim=1), atol=1e-6)


def test_patches_of_heat_maps_lie_where_they_are():
    net = make()
    assert net.encode_video(torch.randn(2, 3, 32, 80)).patches.shape == (2, 2, 5, 32)
    assert net.encode_audio(torch.randn(2, 96, 128)).patches.shape == (2, 8, 6, 32)
    picture = torch.zeros(1, 3, 48, 48)
    picture[:, :, 16:32, 32:] = 1.0
    assert net.patchify_video(picture).sum(dim=2).nonzero().tolist() == [[0, 5]]  # second row, third column
    sound = torch.zeros(1, 64, 128)
    sound[:, 16:32, 32:48] = 1.0
    assert net.patchify_audio(sound).sum(dim=2).nonzero().tolist() == [[0, 2 * 4 + 1]]  # third band, second step


@pytest.mark.parametrize("steps", [1, 16, 100, 1024])
def test_other_lengths_are_heard(steps):
    net = make()
    windows, pictures = inputs(steps=steps)
    assert net.encode_audio(windows).token.shape == (2, 32)
    out = net(windows, pictures)
    assert out.pred_a.shape == net.patchify_audio(windows).shape == (2, 8 * -(-steps // 16), 256)


def test_what_is_no_patches_is_told_at_once():
    net = make()
    for wrong in (lambda: net.encode_video(torch.zeros(1, 3, 50, 48)), lambda: net.encode_audio(torch.zeros(1, 64, 64)),
                  lambda: CavMae(Fbank(), Picture(50), SIZE)):  # fmt: skip
        with pytest.raises(AvsyncError) as caught:
            wrong()
        assert "\n" not in str(caught.value)


def test_windows_lie_around_their_pictures():
    net, (_, audio, times) = make(), clips()
    steps, windows = net.audio_features(audio), net.windows(audio, times)
    assert windows.shape == (2, 4, 64, 128)
    for number, first in enumerate([0, 100 - 32, 200 - 32, steps.shape[1] - 64]):  # moved inside at both ends
        assert torch.allclose(windows[:, number], steps[:, first : first + 64], atol=1e-4)


def test_short_clips_are_followed_by_silence():
    net = make()
    windows = net.windows(0.1 * torch.randn(1, 4000), torch.tensor([[0.1]]))
    steps = 1 + (4000 - 400) // 160
    assert windows.shape == (1, 1, 64, 128) and (windows[0, 0, steps:] == net.audio_features.silence).all()
    assert torch.isfinite(net.embed_audio(torch.zeros(1, 4000), torch.tensor([[0.1]]))).all()


def test_whole_clips_are_heard_by_every_picture_and_embedded_once():
    net, (_, audio, times) = make(audio_seconds=None), clips()
    windows = net.windows(audio, times)
    assert windows.shape == (2, 4, 304, 128) and torch.equal(windows[:, 0], windows[:, 3])
    embedded = net.embed_audio(audio, times)
    assert torch.equal(embedded[:, 0], embedded[:, 3])
    alone = torch.nn.functional.normalize(net.encode_audio(windows[:, 0]).token, dim=-1)
    assert torch.allclose(embedded[:, 0], alone, atol=1e-5)


def test_what_hears_all_of_a_clip_with_each_picture_encodes_it_once():
    """Also where its window is longer than the clip, as an imported CAV-MAE's is."""
    net, (_, audio, times), heard = make(audio_seconds=10.24), clips(), []
    windows = net.windows(audio, times)
    net.audio_encoder.register_forward_pre_hook(lambda _module, given: heard.append(len(given[0])))
    embedded = net.embed_audio(audio, times)
    assert heard == [2] and embedded.shape == (2, 4, 32)
    tokens = net.encode_audio(windows.flatten(0, 1)).token.unflatten(0, (2, 4))
    assert torch.allclose(embedded, torch.nn.functional.normalize(tokens, dim=-1), atol=1e-5)


def test_clips_are_embedded_as_their_windows_are():
    net, (frames, audio, times) = make(), clips()
    heard = net.encode_audio(net.windows(audio, times).flatten(0, 1)).token
    seen = net.encode_video(net.video_features(frames).flatten(0, 1)).token
    for embedded, tokens in ((net.embed_audio(audio, times), heard), (net.embed_video(frames), seen)):
        assert torch.allclose(embedded.flatten(0, 1), torch.nn.functional.normalize(tokens, dim=-1), atol=1e-5)


@pytest.mark.parametrize("net", ["cav_mae", "cav_mae_sync"])
def test_defect_1_which_network_it_is_is_told_by_values_and_not_by_its_name(net):
    """Theirs asks `if "sync" or ...`, which is always true. Either config with the other's values is the other one."""
    values = {
        "cav_mae": {"audio_seconds": None, "registers": 0, "global_token": False},
        "cav_mae_sync": {"audio_seconds": 4.16, "registers": 8, "global_token": True},
    }
    other = next(name for name in values if name != net)
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose(None, [f"+model/net={net}", "+model/size=small"])
    assert {name: cfg.model.net[name] for name in values[net]} == values[net]
    cfg.model.net.update(values[other])
    with torch.device("meta"):
        built = instantiate(cfg.model.net)
    sync = other == "cav_mae_sync"
    encoder = built.audio_encoder
    assert (encoder.global_token is not None, encoder.registers is not None) == (sync, sync)
    assert encoder.positions.grid == (8, 26 if sync else 64) and built.has_global_token == sync


def test_defect_2_a_batch_of_one_passes():
    out = make()(*inputs(1))
    assert out.token_a.shape == (1, 32) and make().encode_audio(inputs(1)[0]).token.shape == (1, 32)


def test_defect_4_registers_begin_as_small_as_the_global_token():
    net = make(size=SIZE | {"width": 256})
    for encoder in (net.audio_encoder, net.video_encoder):
        assert float(encoder.registers.detach().std()) == pytest.approx(0.02, rel=0.2)
        assert float(encoder.global_token.detach().std()) == pytest.approx(0.02, rel=0.2)


def test_defect_5_several_joint_blocks_are_a_chain():
    """Without its second block, a network says something else, and the first matters too."""
    net = make(size=SIZE | {"joint_depth": 2})
    before = net.encode_audio(inputs()[0]).token
    first, second = net.joint.blocks
    net.joint.blocks = torch.nn.ModuleList([second])
    without_first = net.encode_audio(inputs()[0]).token
    net.joint.blocks = torch.nn.ModuleList([first])
    without_second = net.encode_audio(inputs()[0]).token
    assert not torch.allclose(before, without_first) and not torch.allclose(before, without_second)


def test_defect_7_registers_are_dropped_under_masking_and_only_they():
    net, given = make(), []
    net.joint.register_forward_pre_hook(lambda _module, args: given.append(args[0]))
    net(*inputs())
    lengths = {name: tokens.shape[1] for name, tokens in given[0].items()}
    assert lengths == {"audio": 1 + 8, "video": 1 + 2, "joint": 8 + 2}
    registers = net.audio_encoder.registers
    grad = torch.autograd.grad(given[0]["audio"].sum(), registers)[0]
    assert (grad != 0).any()  # they were there


def test_defect_9_tokens_are_tokens_and_not_patches():
    out = make()(*inputs())
    assert out.token_a.shape == out.mean_a.shape and not torch.allclose(out.token_a, out.mean_a)


def test_defect_10_features_are_computed_once_a_clip():
    net, calls = make(), []
    net.audio_features.register_forward_hook(lambda *_: calls.append(1))
    frames, audio, times = clips()
    net.embed_audio(audio, times)
    assert len(calls) == 1


def test_half_precision_says_nearly_the_same():
    net = make()
    with torch.no_grad():
        exact = net(*inputs(), torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16):
            half = net(*inputs(), torch.Generator().manual_seed(0))
    for one, other in zip(exact[:6], half[:6], strict=True):
        assert (one - other).abs().max() < 0.05 * one.abs().max()


@pytest.mark.parametrize("size", sorted(path.stem for path in (ROOT / "configs" / "model" / "size").glob("*.yaml")))
@pytest.mark.parametrize("net", ["cav_mae", "cav_mae_sync"])
def test_every_size_is_built_from_its_config_as_a_checkpoint_stores_it(net, size):
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose(None, [f"+model/net={net}", f"+model/size={size}"])
    plain = OmegaConf.to_container(cfg.model.net, resolve=True)
    with torch.device("meta"):
        one, other = instantiate(cfg.model.net), checkpoints.build(plain)
    assert {name: value.shape for name, value in one.state_dict().items()} == {
        name: value.shape for name, value in other.state_dict().items()
    }
    assert one.has_global_token == (net == "cav_mae_sync")
