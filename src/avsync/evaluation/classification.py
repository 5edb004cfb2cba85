"""Classification: what sounds in the clip, told from frozen embeddings by a linear layer.

A clip is the mean of its frames' embeddings, picture and sound side by side (2 D numbers), each number standardised on
the training clips. Logistic regression over kinds when no training or validation clip has several labels, else one for
each kind. The weight of its penalty is the one with the lowest cross-entropy on validation.

    accuracy   share of the clips with labels whose likeliest kind is among them
    map        mean over kinds of the average precision, each kind against all others; kinds that no test clip has
               or no training clip had are left out
    unseen_clips   test clips all of whose labels no training clip had: they count as wrong
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision

from avsync.data.shards import OpenClip
from avsync.errors import AvsyncError
from avsync.evaluation.embeddings import Found, Row, Split
from avsync.evaluation.finetuning import FineTuning, class_loss

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
STREAMS = ("both", "video", "audio")


@dataclass(frozen=True)
class Probe:
    """A linear layer over standardised features.

    Attributes:
        mean: (D,) of the training clips.
        std: (D,).
        weight: (C, D).
        bias: (C,).
        penalty: Of the squared weights, chosen on validation.
    """

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor
    penalty: float

    def __call__(self, features: Tensor) -> Tensor:
        """(N, D) to (N, C) scores; the higher, the likelier."""
        return (features - self.mean) / self.std @ self.weight.T + self.bias


def kinds_of(labels: Sequence[Sequence[str]]) -> list[str]:
    """Every label once, in alphabetical order."""
    return sorted({label for row in labels for label in row})


def multi_hot(labels: Sequence[Sequence[str]], kinds: Sequence[str]) -> Tensor:
    """(N, C) float, 1 where a clip has a kind; labels that are not among ``kinds`` are not counted."""
    return torch.tensor([[float(kind in row) for kind in kinds] for row in labels]).reshape(len(labels), len(kinds))


def is_single(labels: Sequence[Sequence[str]]) -> bool:
    """True if no clip has several labels."""
    return all(len(set(row)) <= 1 for row in labels)


def class_scores(scores: Tensor, targets: Tensor, single: bool, labelled: Tensor | None = None) -> dict[str, float]:
    """``accuracy`` and ``map``, see the module's text.

    Args:
        scores: (N, C) logits.
        targets: (N, C) multi-hot.
        single: The chances are a softmax's over kinds and not each kind's own.
        labelled: (N,) bool, which clips have labels, be they among the kinds or not; None for those with a kind.
    """
    chances = scores.double().softmax(1) if single else scores.double().sigmoid()
    labelled = targets.sum(1) > 0 if labelled is None else labelled
    right = targets.gather(1, scores.argmax(1)[:, None])[labelled]
    seen = torch.nonzero(targets.sum(0))[:, 0].tolist()
    precisions = [float(binary_average_precision(chances[:, kind], targets[:, kind].long())) for kind in seen]
    return {"accuracy": float(right.mean()), "map": sum(precisions) / len(precisions)}


def fit_probe(train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], single: bool) -> Probe:
    """Logistic regression; the same input gives the same probe.

    Args:
        train: (N, D) features and (N, C) multi-hot targets.
        val: The same, that the penalty is chosen on; may be empty, then it is the middle one.
        single: One kind a clip.
    """
    features = train[0].double()
    mean, std = features.mean(0), features.std(0, unbiased=False).clamp(min=1e-6)
    standard = (features - mean) / std
    probes = []
    for penalty in PENALTIES:
        weight, bias = _regression(standard, train[1].double(), single, penalty)
        probes.append(Probe(mean, std, weight, bias, penalty))
    if len(val[0]) == 0:
        return probes[len(probes) // 2]
    losses = [float(class_loss(probe(val[0].double()), val[1].double(), single)) for probe in probes]
    return probes[losses.index(min(losses))]


def _regression(features: Tensor, targets: Tensor, single: bool, penalty: float) -> tuple[Tensor, Tensor]:
    weight = torch.zeros(targets.shape[1], features.shape[1], dtype=torch.double, requires_grad=True)
    bias = torch.zeros(targets.shape[1], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        cost = class_loss(features @ weight.T + bias, targets, single) + penalty / 2 * weight.square().sum()
        cost.backward()
        return cost

    optimizer.step(loss)
    return weight.detach(), bias.detach()


def pooled(split: Split, stream: str = "both") -> Tensor:
    """(N, 2 D) means over frames of picture and sound, or (N, D) of one of them, ``video`` or ``audio``."""
    means = {"video": split.video.mean(1), "audio": split.audio.mean(1)}
    return torch.cat(list(means.values()), 1) if stream == "both" else means[stream]


class Classification:
    """A linear probe for both streams together and for each alone, and fine-tuning if it is asked for.

    Args:
        finetuning: Trains the whole network with a head; None, or one of no epochs, leaves that out.
    """

    name = "classification"
    splits = ("train", "val", "test")

    def __init__(self, finetuning: FineTuning | None = None):
        self.finetuning = finetuning

    def look(self, net: CavMae, clip: OpenClip) -> None:
        """Nothing: embeddings and labels are kept anyway."""

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Fit on ``train``, choose on ``val``, measure on ``test``.

        Raises:
            AvsyncError: The clips have no labels.
        """
        kinds = kinds_of(splits["train"].labels)
        targets = {name: multi_hot(split.labels, kinds) for name, split in splits.items()}
        if not kinds or not targets["test"].any():
            raise AvsyncError(
                f"{_named(splits['train'])} and {_named(splits['test'])} share no label, there is nothing to classify; "
                "prepare with a recipe that knows labels or leave the part out: '~evaluation.parts.classification'"
            )
        single = is_single([*splits["train"].labels, *splits["val"].labels])
        labelled = torch.tensor([bool(row) for row in splits["test"].labels])
        unseen = int((labelled & (targets["test"].sum(1) == 0)).sum())
        metrics: dict[str, float] = {
            "kinds": len(kinds), "train_clips": len(splits["train"].keys), "unseen_clips": unseen
        }  # fmt: skip
        for stream in STREAMS:
            features = {name: pooled(split, stream) for name, split in splits.items()}
            probe = fit_probe((features["train"], targets["train"]), (features["val"], targets["val"]), single)
            found = class_scores(probe(features["test"].double()), targets["test"], single, labelled)
            metrics |= {name if stream == "both" else f"{stream}/{name}": value for name, value in found.items()}
        if self.finetuning is not None and self.finetuning.epochs > 0:
            scores = self.finetuning(net, splits["train"].folders, splits["test"].folders, kinds, single)
            found = class_scores(scores, targets["test"], single, labelled)
            metrics |= {f"finetuned/{name}": value for name, value in found.items()}
        named = {f"classification/{name}": value for name, value in metrics.items()}
        return Found(named, self._rows(metrics, targets["test"]))

    @staticmethod
    def _rows(metrics: dict[str, float], targets: Tensor) -> list[Row]:
        guess = f"{float(targets.mean(0).max()):.3f}"  # the most frequent kind, always
        rows = [Row("accuracy, linear probe", f"{metrics['accuracy']:.3f}", guess)]
        rows += [
            Row(f"accuracy, {stream} alone", f"{metrics[f'{stream}/accuracy']:.3f}", guess) for stream in STREAMS[1:]
        ]
        shares = targets.mean(0)
        rows.append(Row("mAP, linear probe", f"{metrics['map']:.3f}", f"{float(shares[shares > 0].mean()):.3f}"))
        if "finetuned/accuracy" in metrics:
            rows.append(Row("accuracy, fine-tuned", f"{metrics['finetuned/accuracy']:.3f}", guess))
            rows.append(Row("mAP, fine-tuned", f"{metrics['finetuned/map']:.3f}"))
        return rows


def _named(split: Split) -> str:
    return ", ".join(map(str, split.folders))
