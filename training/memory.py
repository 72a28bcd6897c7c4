"""Hybrid memory of SpCL (Ge et al., NeurIPS 2020): one unit row an image, which the loss compares new embeddings with."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from service.cascade.values import F32
from service.clustering.partition import Labels, cluster_numbers, read_labels

TEMPERATURE = 0.05
MOMENTUM = 0.2  # of the old row: the new embedding weighs 0.8
_EPS = 1e-6  # in the softmax and in the logarithm, as in the official code


class HybridMemory(nn.Module):
    """One row for each of N images, and the class each belongs to: a cluster, or for an outlier a class of its own.

    A module, so that `.to(device)` and `state_dict` take rows and labels along; nothing in it is a parameter.

    Attributes:
        features: [N x d] float32, unit rows v_i.
        labels: [N] int64 in 0..K-1, every class with at least one image; set by `relabel`.

    Args:
        features: [N x d], any length but zero; the start.
    """

    features: Tensor
    labels: Tensor

    def __init__(self, features: Tensor, *, temperature: float = TEMPERATURE, momentum: float = MOMENTUM) -> None:
        super().__init__()
        self.temperature, self.momentum = temperature, momentum
        self.register_buffer("features", F.normalize(features.detach(), dim=1))
        self.register_buffer("labels", torch.arange(len(features), device=features.device))

    def relabel(self, labels: Labels) -> None:
        """Take an epoch's pseudo_labels: [N], equal for one cluster, -1 for an outlier. O(N log N).

        Raises:
            InputError: not one label an image, or one below -1.
        """
        classes = cluster_numbers(read_labels(labels, like=len(self.features)))
        self.labels = torch.from_numpy(classes).to(self.features.device)

    def rows(self) -> F32:
        """[N x d] float32, a copy: what the next epoch clusters."""
        return np.array(self.features.cpu().numpy(), np.float32)

    def loss(self, features: Tensor, rows: Tensor) -> Tensor:
        """Mean of -log( exp(f.z+ / t) / (sum over clusters exp(f.c_k / t) + sum over outliers exp(f.v_k / t)) ).

        c_k is the plain mean of its members' rows, not normalised; an outlier's own row is the mean of its one member. z+ is the mean
        of the image's own class. The memory is a constant: gradients reach `features` only. O(N d + B K d) for K classes.

        Args:
            features: [B x d], unit rows f. rows: [B] int64, which images they are.
        """
        means = self._class_means()
        scores = torch.exp(features @ means.T / self.temperature)
        probabilities = scores / (scores.sum(1, keepdim=True) + _EPS)
        return F.nll_loss(torch.log(probabilities + _EPS), self.labels[rows])

    @torch.no_grad()
    def update(self, rows: Tensor, features: Tensor) -> None:
        """v_i <- m v_i + (1 - m) f_i, then normalised. Called after the backward pass, never inside it. O(B d).

        An image that occurs several times in the batch is updated several times, in the order of the batch.

        Args:
            rows: [B] int64. features: [B x d], unit rows.
        """
        for turn in _turns(rows):
            at = rows[turn]
            mixed = self.momentum * self.features[at] + (1 - self.momentum) * features.detach()[turn]
            self.features[at] = F.normalize(mixed, dim=1)

    def _class_means(self) -> Tensor:
        """[K x d]"""
        sizes = torch.bincount(self.labels)
        sums = self.features.new_zeros(len(sizes), self.features.shape[1]).index_add_(0, self.labels, self.features)
        return sums / sizes[:, None]


def _turns(rows: Tensor) -> list[Tensor]:
    """Places of the first occurrence of every row, then of every second one, and so on: within a turn no row occurs twice."""
    order = torch.argsort(rows, stable=True)
    grouped = rows[order]
    place = torch.arange(len(rows), device=rows.device)
    starts = torch.cat([grouped.new_ones(min(1, len(rows)), dtype=torch.bool), grouped[1:] != grouped[:-1]])
    occurrence = place - torch.cummax(place * starts, 0).values
    return [order[occurrence == turn] for turn in range(int(occurrence.max()) + 1)] if len(rows) else []
