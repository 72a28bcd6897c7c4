"""How probable each pair of the two pools is to be asked (AAS, Eq. 4-6), and drawing from that."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from service.cascade.values import I64
from service.clustering.pairs import F64, Pair, Values, pair_values, read_pairs, read_values, tuples
from service.clustering.partition import Labels, read_labels
from service.clustering.regions import Regions, inconsistent_by_type, region_of
from service.errors import InputError

EPS_MIX = 0.6
"""Prior weight of the over-segmentation pool."""

RHO = ("uniform", "ambiguity")


def pair_probabilities(
    over: Collection[Pair],
    under: Collection[Pair],
    sim: Values,
    raw_a: Labels,
    regions: Regions,
    eps_mix: float = EPS_MIX,
    pi: Sequence[float] | None = None,
    *,
    rho: str = "uniform",
    views: tuple[Labels, Labels] | None = None,
) -> dict[Pair, float]:
    """P(Y) = eps_mix P(Y | over) + (1 - eps_mix) P(Y | under) for every pair of the pools; sums to 1.

    P(Y | over) = sim(Y) / sum of sim. P(Y | under) = pi_i rho_k|i omega_y|ik for relation type i (inlier-inlier, inlier-outlier,
    outlier-outlier in `raw_a`) and region k: pi is renormalised over the types present, omega uniform. If one pool is empty the other
    takes all. O(P log P + N).

    Args:
        raw_a: [N] DBSCAN labels before NP3; -1: outlier.
        pi: three weights of at least 0; None: equal.
        rho: "uniform": each type's mass falls on its pairs alike; "ambiguity": regions by how many pairs of the type the views
            disagree about, whether in the pool or not.
        views: (a, b) the regions come from, for "ambiguity" only.

    Returns:
        pairs in lexicographic order.

    Raises:
        InputError: an under-pool pair across regions, over-pool pairs without similarity, weights that cannot be.
    """
    raw = read_labels(raw_a, where="raw_a")
    if not 0 <= eps_mix <= 1 or rho not in RHO:
        raise InputError(
            f"eps_mix = {eps_mix} must be in [0, 1] and rho = {rho!r} one of {', '.join(RHO)}", where="eps_mix"
        )
    crossing, inside = read_pairs(over, len(raw), where="over"), read_pairs(under, len(raw), where="under")
    of_over = _by_similarity(crossing, sim, len(raw))
    of_under = _by_type(inside, raw, regions, pi, views if rho == "ambiguity" else None, rho)
    share = float(len(crossing) > 0) if not len(crossing) or not len(inside) else eps_mix
    mixed: dict[Pair, float] = {}
    for pairs, mass in ((crossing, share * of_over), (inside, (1 - share) * of_under)):
        for pair, probability in zip(tuples(pairs), mass.tolist(), strict=True):
            mixed[pair] = mixed.get(pair, 0.0) + probability
    return dict(sorted(mixed.items()))


def sample_pairs(probabilities: Mapping[Pair, float], budget: int, seed: int) -> list[Pair]:
    """Draw `budget` pairs without replacement, in the order they are drawn; all of them, sorted, where there are no more than that.

    Gumbel top-B on log P over the pairs in lexicographic order: equal in law to drawing one after another in proportion to P.
    A pair of probability 0 is never drawn. O(P log P).

    Raises:
        InputError: a negative budget, or a probability that is negative or not finite.
    """
    if budget < 0:
        raise InputError(f"a budget of {budget} pairs: it cannot be negative", where="budget")
    pairs = sorted(probabilities)
    weight = np.asarray([probabilities[pair] for pair in pairs], np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError("a probability is negative or not a number", where="probabilities")
    possible = np.flatnonzero(weight > 0)
    if len(possible) <= budget:
        return [pairs[i] for i in possible]
    noise = np.random.Generator(np.random.PCG64(seed)).gumbel(size=len(pairs))
    best = possible[np.argsort(-(np.log(weight[possible]) + noise[possible]), kind="stable")[:budget]]
    return [pairs[i] for i in best]


def _by_similarity(pairs: I64, sim: Values, images: int) -> F64:
    """[P] sim / sum of sim."""
    if not len(pairs):
        return np.empty(0)
    similarity = pair_values(read_values(sim, images, where="sim"), pairs[:, 0], pairs[:, 1], where="sim")
    if (similarity < 0).any() or not 0 < similarity.sum() < np.inf:
        raise InputError("pairs of the over-segmentation pool need similarities above 0; raise s_min", where="sim")
    return similarity / similarity.sum()


def _by_type(
    pairs: I64, raw: I64, regions: Regions, pi: Sequence[float] | None, views: tuple[Labels, Labels] | None, rho: str
) -> F64:
    """[P] pi_i rho_k|i omega_y|ik."""
    if not len(pairs):
        return np.empty(0)
    region = region_of(regions, len(raw))[pairs]
    if (region[:, 0] != region[:, 1]).any() or (region < 0).any():
        at = int(np.argmax((region[:, 0] != region[:, 1]) | (region[:, 0] < 0)))
        raise InputError(f"under: pair {tuple(pairs[at].tolist())} lies in no region of uncertainty", where="under")
    kind = (raw[pairs] < 0).sum(axis=1)
    code = region[:, 0] * 3 + kind
    in_pool = np.bincount(code, minlength=3 * len(regions)).reshape(-1, 3)
    if rho == "uniform":
        ambiguous = in_pool
    elif views is None:
        raise InputError('rho="ambiguity" needs the two views the regions come from', where="views")
    else:
        ambiguous = np.where(in_pool > 0, inconsistent_by_type(regions, *views, raw < 0), 0)
    per_pair = (
        _weights(pi, in_pool.sum(axis=0) > 0)
        / np.maximum(ambiguous.sum(axis=0), 1)
        * ambiguous
        / np.maximum(in_pool, 1)
    )
    return per_pair.reshape(-1)[code]


def _weights(pi: Sequence[float] | None, present: np.ndarray) -> F64:
    """[3] type priors, renormalised over the types present."""
    given = np.ones(3) if pi is None else np.asarray(pi, np.float64)
    if given.shape != (3,) or not np.isfinite(given).all() or (given < 0).any() or not given[present].sum() > 0:
        raise InputError(f"pi = {pi}: three weights of at least 0, above 0 for a type that occurs", where="pi")
    return np.where(present, given, 0) / given[present].sum()
