"""Which label each colour class of a split cluster takes, and which one everybody else in it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from service.cascade.values import I64
from service.clustering.cosines import DIGITS, feature_sums, normalised
from service.clustering.pairs import F64

Matching: TypeAlias = Literal["hungarian", "greedy", "none"]
MATCHINGS: tuple[Matching, ...] = ("hungarian", "greedy", "none")

GREEDY_ABOVE = 500
"""Labels of one cluster beyond which the cheapest pairs are taken greedily: an assignment is cubic."""

_GROUPS = 2048


@dataclass(frozen=True, slots=True)
class Rules:
    """How labels spread from the anchor.

    Attributes:
        matching: "hungarian"; "greedy": the cheapest pair first; "none": colour r takes label r and free images label 0.
        open_new_label: cosine distance beyond which nothing known fits and a new label is opened; None: never.
    """

    matching: Matching = "hungarian"
    open_new_label: float | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The images of one cluster that answers tear apart, ascending.

    Attributes:
        images: [S] image numbers.
        component: [S] number of the connected component of the conflict graph the image's group lies in; -1: free.
        colour: [S] its colour there.
        group: [S] smallest image of its must-link group.
    """

    images: I64
    component: I64
    colour: I64
    group: I64

    def greedy(self, rules: Rules) -> bool:
        """Whether there are too many labels for a matching at the least cost."""
        components = len(np.unique(self.component[self.component >= 0]))
        return rules.matching == "hungarian" and components > 1 and int(self.colour.max()) >= GREEDY_ABOVE


def spread(conflict: Conflict, features: NDArray[np.floating] | None, rules: Rules) -> I64:
    """[S] labels 0..K-1: those of the anchor, the component with most colours, and every other image joins one of them.

    A component's colour classes go to different labels at the least total cosine distance to the labels' running sums; then free groups
    go, all at once, to the nearest label, the smallest where equal. Without features colour r takes label r and free images label 0.
    O(sum kappa^2 K + S K D) for kappa colours of a component.
    """
    if features is None or rules.matching == "none":
        return np.where(conflict.component >= 0, conflict.colour, 0)
    label = np.full(len(conflict.images), -1, np.int64)
    anchor, *others = _components(conflict)
    label[anchor] = conflict.colour[anchor]
    sums = feature_sums(features, conflict.images[anchor], label[anchor], int(label.max()) + 1)
    for members in others:
        colour = conflict.colour[members]
        added = feature_sums(features, conflict.images[members], colour, int(colour.max()) + 1)
        taken = _assign(_distances(added, sums), rules)
        sums = np.concatenate([sums, np.zeros((max(0, int(taken.max()) + 1 - len(sums)), sums.shape[1]))])
        sums[taken] += added
        label[members] = taken[colour]
    free = np.flatnonzero(conflict.component < 0)
    label[free] = _nearest(conflict.images[free], conflict.group[free], features, sums, rules)
    return label


def _components(conflict: Conflict) -> list[I64]:
    """Places of each component's images: most colours first, then most images, then the smallest image."""
    bound = np.flatnonzero(conflict.component >= 0)
    order = bound[np.argsort(conflict.component[bound], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(conflict.component[order])) + 1)
    return sorted(parts, key=lambda part: (-int(conflict.colour[part].max()), -len(part), int(part[0])))


def _distances(rows: F64, sums: F64) -> F64:
    """[R x K] cosine distances."""
    return np.round(1 - normalised(rows) @ normalised(sums).T, DIGITS)


def _assign(cost: F64, rules: Rules) -> I64:
    """[R] a label of its own for each of R colour classes, R <= K."""
    if rules.matching == "greedy" or cost.shape[1] > GREEDY_ABOVE:
        taken = _cheapest_first(cost)
    else:
        taken = linear_sum_assignment(cost)[1].astype(np.int64)
    if rules.open_new_label is not None:
        far = cost[np.arange(len(cost)), taken] > rules.open_new_label
        taken[far] = cost.shape[1] + np.arange(np.count_nonzero(far))
    return taken


def _cheapest_first(cost: F64) -> I64:
    taken = np.full(len(cost), -1, np.int64)
    used = np.zeros(cost.shape[1], bool)
    left = len(cost)
    for at in np.argsort(cost, axis=None, kind="stable").tolist():
        row, column = divmod(at, cost.shape[1])
        if taken[row] < 0 and not used[column]:
            taken[row], used[column] = column, True
            left -= 1
            if not left:
                break
    return taken


def _nearest(images: I64, group: I64, features: NDArray[np.floating], sums: F64, rules: Rules) -> I64:
    """[S] the label nearest to each free image's group; nearer ones than `open_new_label` failing, a new one for each group."""
    owner = np.unique(group, return_inverse=True)[1]
    order = np.argsort(owner, kind="stable")
    groups = int(owner.max(initial=-1)) + 1
    best = np.empty(groups, np.int64)
    opened = len(sums)
    for start in range(0, groups, _GROUPS):
        end = min(start + _GROUPS, groups)
        some = order[slice(*np.searchsorted(owner[order], [start, end]))]
        cost = _distances(feature_sums(features, images[some], owner[some] - start, end - start), sums)
        best[start:end] = cost.argmin(axis=1)
        if rules.open_new_label is not None:
            far = start + np.flatnonzero(cost.min(axis=1) > rules.open_new_label)
            best[far] = opened + np.arange(len(far))
            opened += len(far)
    return best[owner]
