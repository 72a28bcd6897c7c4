"""Read a fusion for one encounter, matching no more pairs than its answer needs.

The cheap stages look at everyone. Then individuals are matched point by point, best first, and matching stops as soon as nothing that is
left could change the answer (branch and bound over the fused probability's range) or the request's time is spent.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from service.cascade import wildfusion
from service.cascade.evidence import Evidence, PhotoEvidence, matched_stages
from service.cascade.signals import CHEAP, Fusion, Rerank
from service.cascade.values import F32, I64, Bool

_AT_A_TIME = 4  # individuals matched between two looks at the bounds; a look costs about as much as matching one row

Settled = Callable[[F32, F32], bool]
"""[M] lower and upper probability of each individual (NaN: no candidate) -> whether the answer is the same wherever they end."""

Booster = Callable[[PhotoEvidence, Evidence, Fusion], F32]
"""A photo, its settled evidence, and the fusion that holds the calibrators -> [R] probability of each row."""

Reranker = Callable[[PhotoEvidence, I64, Rerank], Callable[[F32], F32]]
"""A photo, its shortlisted rows, settings -> the change of [R] fused probabilities; never falling in any of them."""


@dataclass(frozen=True, slots=True)
class Fused:
    """What a fusion says of one encounter.

    Attributes:
        fusion: what was read.
        probabilities: [M] float32, NaN: not a candidate.
        evidence, rows: per photo, its evidence and [R] fused probability of its rows.
        shortlisted, matched: how many individuals were looked at, and matched point by point.
        cut_short: whether the time was spent before the answer was settled.
    """

    fusion: Fusion
    probabilities: F32
    evidence: tuple[Evidence, ...]
    rows: tuple[F32, ...]
    shortlisted: int
    matched: int
    cut_short: bool


@dataclass(frozen=True, slots=True)
class Means:
    """What reading a fusion may need beside the photos. `deadline`: time.perf_counter() at which matching ends; None: never."""

    booster: Booster | None = None
    reranker: Reranker | None = None
    deadline: float | None = None


def eager(_lower: F32, _upper: F32) -> bool:
    """Never settled: match everything."""
    return False


def read_fusion(photos: Sequence[PhotoEvidence], fusion: Fusion, settled: Settled, means: Means) -> Fused:
    """Gather evidence until `settled`, all of it is there, or the time is spent.

    O(shortlist) pairs at most, whatever the gallery; the cheap stages cost what their searches cost.
    """
    matching = _Matching(photos, fusion, means)
    cut_short = False
    for chunk, stages in matching.work():
        lower, upper = matching.bounds()
        if settled(lower, upper):
            break
        if means.deadline is not None and time.perf_counter() > means.deadline:
            cut_short = True
            break
        matching.match(chunk, stages)
    return matching.result(cut_short)


class _Matching:
    """The evidence of all photos of an encounter while it grows."""

    def __init__(self, photos: Sequence[PhotoEvidence], fusion: Fusion, means: Means) -> None:
        self.photos, self.fusion, self.means = photos, fusion, means
        self.gallery = photos[0].gallery
        listed = [photo.shortlist(fusion.shortlist) for photo in photos]
        self.rows = [rows for rows, _ in listed]
        self.queue = self._queue([standing for _, standing in listed])
        self.tiers = matched_stages(fusion)
        names = [stage.stage for stage in fusion.stages]
        self.similarities = [
            {n: photo.cheap(n, rows) if n.split(":")[0] in CHEAP else np.zeros(len(rows), np.float32) for n in names}
            for photo, rows in zip(photos, self.rows, strict=True)
        ]
        queued = [np.isin(self.gallery.identity_of[rows], self.queue) for rows in self.rows]
        self.open: list[dict[str, Bool]] = [{n: mask.copy() for tier in self.tiers for n in tier} for mask in queued]
        self.matched: set[int] = set()
        self._closer: dict[int, Callable[[F32], F32]] = {}

    def work(self) -> Iterator[tuple[I64, list[str]]]:
        """Chunks of individuals to match next, most probable first, and with which stages: the dear tier after the classic one."""
        for stages in self.tiers:
            if stages:
                lower, _ = self.bounds()
                order = self.queue[np.argsort(-lower[self.queue], kind="stable")]
                for start in range(0, len(order), _AT_A_TIME):
                    yield order[start : start + _AT_A_TIME], stages

    def match(self, chunk: I64, stages: list[str]) -> None:
        """Join points with every shortlisted row of these individuals."""
        self.matched.update(int(who) for who in chunk)
        for photo, rows, similarities, waiting in zip(
            self.photos, self.rows, self.similarities, self.open, strict=True
        ):
            places = np.flatnonzero(np.isin(self.gallery.identity_of[rows], chunk))
            for name in stages:
                similarities[name][places] = photo.match(name, rows[places])
                waiting[name][places] = False

    def bounds(self) -> tuple[F32, F32]:
        """[M] lower and upper probability of each individual, NaN where it is no candidate."""
        each = [self._fuse(i, self._evidence(i, self.open[i])) for i in range(len(self.photos))]
        return self._together([lower for lower, _ in each]), self._together([upper for _, upper in each])

    def result(self, cut_short: bool) -> Fused:
        """What is known now; open stages count as what they say so far."""
        evidence = [self._evidence(i, {}) for i in range(len(self.photos))]
        fused = [self._fuse(i, one)[0] for i, one in enumerate(evidence)]
        listed = np.unique(np.concatenate([self.gallery.identity_of[rows] for rows in self.rows]))
        return Fused(
            self.fusion, self._together(fused), tuple(evidence), tuple(fused), len(listed), len(self.matched), cut_short
        )

    def _together(self, fused: Sequence[F32]) -> F32:
        """Fused rows of each photo -> [M] of the encounter."""
        each = [wildfusion.per_individual(f, rows, self.gallery) for f, rows in zip(fused, self.rows, strict=True)]
        return wildfusion.per_encounter(each, [photo.comparable for photo in self.photos])

    def _queue(self, standing: Sequence[F32]) -> I64:
        """Individuals to match, by their standing over all photos; at most the shortlist's `verify`."""
        total = np.zeros(len(self.gallery.identities), np.float32)
        for rows, values in zip(self.rows, standing, strict=True):
            best = np.zeros_like(total)
            np.maximum.at(best, self.gallery.identity_of[rows], values)
            total += best
        listed = np.flatnonzero(total > 0)
        ranked = listed[np.argsort(-total[listed], kind="stable")]
        return ranked[: self.fusion.shortlist.verify]

    def _evidence(self, i: int, waiting: dict[str, Bool]) -> Evidence:
        return Evidence(self.rows[i], self.similarities[i], waiting)

    def _fuse(self, i: int, evidence: Evidence) -> wildfusion.Bounds:
        photo, booster = self.photos[i], self.means.booster
        scored = (lambda settled: booster(photo, settled, self.fusion)) if booster is not None else None
        lower, upper = wildfusion.bounds(evidence, self.fusion, self.gallery.identity_of, scored)
        if self.fusion.rerank is None or self.means.reranker is None:
            return lower, upper
        if i not in self._closer:
            self._closer[i] = self.means.reranker(photo, evidence.rows, self.fusion.rerank)
        return self._closer[i](lower), self._closer[i](upper)


def gather(photo: PhotoEvidence, fusion: Fusion) -> Evidence:
    """All the evidence of one photo, nothing fused: what a fit needs."""
    matching = _Matching([photo], fusion, Means())
    for stages in matching.tiers:
        matching.match(matching.queue, stages)
    return Evidence(matching.rows[0], matching.similarities[0], {})
