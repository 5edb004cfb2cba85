import pytest
import torch

from avsync.errors import AvsyncError
from avsync.models.masking import KINDS, Masking, hidden

GRID = (8, 26)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.75, 0.999])
def test_as_many_are_hidden_as_asked_for(kind, ratio):
    visible, mask = hidden(5, GRID, ratio, kind)
    kept = max(1, round(208 * (1 - ratio)))
    assert visible.shape == (5, kept) and mask.shape == (5, 208)
    assert (mask.sum(dim=1) == 208 - kept).all() and (mask.gather(1, visible) == 0).all()


def whole(mask: torch.Tensor, dim: int) -> torch.Tensor:
    """How many rows or columns are neither all hidden nor all visible."""
    share = mask.unflatten(1, GRID).mean(dim=dim)
    return ((share > 0) & (share < 1)).sum(dim=1)


def test_time_hides_columns_and_frequency_rows():
    assert (whole(hidden(9, GRID, 0.75, "time").mask, 1) <= 1).all()
    assert (whole(hidden(9, GRID, 0.75, "frequency").mask, 2) <= 1).all()
    assert (whole(hidden(9, GRID, 0.75).mask, 1) > 1).all()


def test_both_leaves_a_smaller_grid():
    seen = 1 - hidden(9, GRID, 0.75, "both").mask.unflatten(1, GRID)
    rows, columns = seen.amax(dim=2).sum(dim=1), seen.amax(dim=1).sum(dim=1)
    assert (abs(rows - 4) <= 1).all() and (abs(columns - 13) <= 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_patch_is_hidden_as_often_and_every_clip_otherwise(kind):
    mask = hidden(2000, GRID, 0.75, kind, generator=torch.Generator().manual_seed(0)).mask
    assert (abs(mask.mean(dim=0) - 0.75) < 0.06).all()
    assert (mask[0] != mask[1]).any()


def test_a_generator_decides():
    one, other = (hidden(2, GRID, 0.75, generator=torch.Generator().manual_seed(3)).mask for _ in range(2))
    assert torch.equal(one, other)


def test_a_share_that_is_given_is_hidden_and_none_is_drawn():
    draw = torch.Generator().manual_seed(0)
    masking = Masking([0.1, 0.9], [0.1, 0.9])
    heard, seen = (
        hide(2, (10, 10), torch.device("cpu"), draw, share)
        for hide, share in ((masking.hide_audio, 0.3), (masking.hide_video, 0.6))
    )
    assert heard.visible.shape == (2, 70) and seen.visible.shape == (2, 40)
    one, other = (masking.shares(torch.Generator().manual_seed(3)) for _ in range(2))
    assert one == other and one[0] != one[1] and all(0.1 <= share <= 0.9 for share in one)


def test_defect_8_a_batch_random_ratio_differs_from_batch_to_batch():
    masking, device = Masking(audio=[0.6, 0.9], video=0.5), torch.device("cpu")
    torch.manual_seed(0)
    kept = {masking.hide_audio(1, (32, 32), device).visible.shape[1] for _ in range(30)}
    assert len(kept) > 10 and 0.1 * 1024 - 1 <= min(kept) < 200 and 350 < max(kept) <= 0.4 * 1024 + 1
    assert {masking.hide_video(1, (4, 4), device).visible.shape[1] for _ in range(5)} == {8}


@pytest.mark.parametrize(
    ("given", "words"),
    [({"kind": "diagonal"}, "diagonal"), ({"audio": 1.0}, "audio=1.0"), ({"video": [0.9, 0.6]}, "video=")],
)
def test_what_cannot_be_is_told(given, words):
    with pytest.raises(AvsyncError, match=words):
        Masking(**given)
