import torch

from avsync.training.trainer import fast_precision, make_trainer


def test_half_precision_only_where_it_is_fast(monkeypatch):
    for bfloat, tiles, expected in (
        (True, False, "bf16-mixed"),
        (False, True, "bf16-mixed"),
        (False, False, "32-true"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda bfloat=bfloat: bfloat)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda tiles=tiles: tiles)
        assert fast_precision("cpu") == expected


def test_a_precision_that_is_named_is_taken():
    arguments = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    assert make_trainer(precision="64-true", **arguments).precision == "64-true"
