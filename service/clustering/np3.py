"""NP3: make any clustering satisfy what people answered, changing nothing else (AAS, arXiv 2511.06658, section 3.4).

Clusters joined by a must-link are merged. A cluster that holds a cannot-link is split: its must-link groups form a conflict graph, the
graph is coloured, and every other image of the cluster joins one of the colours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from service.cascade.values import I64
from service.clustering.colouring import dsatur, in_order_of_appearance
from service.clustering.cosines import read_features
from service.clustering.matching import MATCHINGS, Conflict, Matching, Rules, spread
from service.clustering.pairs import Pair, read_pairs, tuples
from service.clustering.partition import Labels, cluster_numbers, read_labels
from service.errors import InputError


@dataclass(frozen=True, slots=True)
class NP3Report:
    """What NP3 did.

    Attributes:
        dropped_cannot_links: cannot-links within a must-link group, sorted: they cannot hold.
        merged_clusters: clusters made of several by must-links.
        split_clusters: clusters that held a cannot-link.
        colours: of each split cluster, in order of its smallest image, how many labels its conflicts needed.
        warnings: sentences for a person.
    """

    dropped_cannot_links: list[Pair]
    merged_clusters: int = 0
    split_clusters: int = 0
    colours: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def np3(
    labels: Labels,
    must_link: Iterable[Pair],
    cannot_link: Iterable[Pair],
    features: Any = None,
    on_conflict: Literal["must_link_wins", "raise"] = "must_link_wins",
    *,
    matching: Matching = "hungarian",
    open_new_label: float | None = None,
) -> tuple[I64, NP3Report]:
    """Labels of N images under which every answer holds that does not contradict the must-links.

    Idempotent; the order of the answers does not matter. Untouched clusters keep their label and outliers stay -1. A merged cluster
    takes the smallest of its labels; of a split one the part with most images keeps the label, the others get new ones above all there are.
    O((N + P) log N) for P answers, O((V + E) log V) for colouring constrained groups, then as `spread` in clusters that are split.

    Args:
        labels: [N], -1 an own singleton.
        must_link, cannot_link: pairs in any order; (i, i) is ignored.
        features: [N x D]; None: colours and free images are not matched by looks.
        on_conflict: what becomes of a cannot-link within a must-link group: dropped and reported, or an error.
        matching, open_new_label: see `Rules`; other values than the defaults are ablations.

    Raises:
        InputError: an image that is not there; a contradiction, with "raise".
    """
    old = read_labels(labels)
    if on_conflict not in ("must_link_wins", "raise") or matching not in MATCHINGS:
        raise InputError(f"there is no on_conflict = {on_conflict!r} with matching = {matching!r}", where="on_conflict")
    same = read_pairs(must_link, len(old), where="must_link")
    different = read_pairs(cannot_link, len(old), where="cannot_link")
    rows = None if features is None else read_features(features, len(old))
    nodes = cluster_numbers(old)
    cluster = _smallest_member(_joined(nodes[same], int(nodes.max(initial=-1)) + 1)[nodes])
    group = _smallest_member(_joined(same, len(old)))
    contradicted = group[different[:, 0]] == group[different[:, 1]]
    if on_conflict == "raise" and contradicted.any():
        u, v = different[contradicted][0].tolist()
        raise InputError(f"cannot-link ({u}, {v}) contradicts the must-links", where="cannot_link")
    torn = different[~contradicted & (cluster[different[:, 0]] == cluster[different[:, 1]])]
    part, colours, warnings = _split(cluster, group, torn, rows, Rules(matching, open_new_label))
    report = NP3Report(tuples(different[contradicted]), _merged(nodes, cluster), len(colours), colours, warnings)
    return _numbered(old, cluster, part), report


def _joined(pairs: I64, count: int) -> I64:
    """[count] number of the connected component of each thing."""
    if not len(pairs):
        return np.arange(count)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _smallest_member(number: I64) -> I64:
    """[N] set numbers -> the smallest image of each image's set, which names it from here on."""
    _, first, place = np.unique(number, return_index=True, return_inverse=True)
    return first[place].astype(np.int64)


def _merged(nodes: I64, cluster: I64) -> int:
    """How many clusters are made of several."""
    first = np.unique(nodes, return_index=True)[1]
    return int(np.count_nonzero(np.bincount(cluster[first], minlength=1) > 1))


def _split(
    cluster: I64, group: I64, torn: I64, features: NDArray[np.floating] | None, rules: Rules
) -> tuple[I64, tuple[int, ...], tuple[str, ...]]:
    """[N] part of its cluster each image goes to (0 where nothing is torn), colours of each split cluster, warnings."""
    part = np.zeros(len(cluster), np.int64)
    if not len(torn):
        return part, (), ()
    component, colour = _coloured(group, torn)
    order = np.argsort(cluster, kind="stable")
    colours, warnings = [], []
    for name in np.unique(cluster[torn[:, 0]]).tolist():
        images = order[slice(*np.searchsorted(cluster, [name, name + 1], sorter=order))]
        conflict = Conflict(images, component[images], colour[images], group[images])
        part[images] = spread(conflict, features, rules)
        colours.append(int(conflict.colour.max()) + 1)
        if features is not None and conflict.greedy(rules):
            warnings.append(
                f"image {name}'s cluster takes {colours[-1]} labels: matched greedily, not at the least cost"
            )
    return part, tuple(colours), tuple(warnings)


def _coloured(group: I64, torn: I64) -> tuple[I64, I64]:
    """[N] component of the conflict graph and colour in it of each image's group; -1: no conflict."""
    bound = np.unique(group[torn])
    edges = read_pairs(np.searchsorted(bound, group[torn]), len(bound))
    component = _joined(edges, len(bound))
    colour = in_order_of_appearance(component, dsatur(len(bound), edges))
    vertex = np.minimum(np.searchsorted(bound, group), len(bound) - 1)
    free = bound[vertex] != group
    return np.where(free, -1, component[vertex]), np.where(free, -1, colour[vertex])


def _numbered(old: I64, cluster: I64, part: I64) -> I64:
    """[N] labels: the largest part keeps its cluster's, a lone outlier stays -1, the others are new in order of their smallest image."""
    code = cluster * (part.max(initial=0) + 1) + part
    _, first, number, counts = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    owner = cluster[first]
    order = np.lexsort((part[first], -counts, owner))
    leaders = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    above = int(old.max(initial=-1)) + 1
    least = np.full(len(old), above, np.int64)
    np.minimum.at(least, cluster[old >= 0], old[old >= 0])
    lone = np.bincount(cluster, minlength=len(old)) == 1
    label = np.full(len(first), above, np.int64)
    label[leaders] = np.where((least == above) & lone, -1, least)[owner[leaders]]
    new = np.flatnonzero(label == above)
    label[new[np.argsort(first[new])]] = above + np.arange(len(new))
    return label[number]
