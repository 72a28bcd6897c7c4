"""Gather the raw evidence of one query annotation: shortlist rows from the cheap sources, then every stage on those rows.

Rows are the unit, as in WildFusion; votes belong to individuals and are lent to each of their rows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.cascade import shortlist, voting
from service.cascade.matching import Matches, ratio_matches
from service.cascade.models import Models
from service.cascade.policy import Policy
from service.cascade.spatial import inliers
from service.cascade.values import F32, I64, Bool, Features, Gallery, LocalFeatures, Stage

MATCH_CONFIDENCE = 0.5  # WildFusion's reference implementation counts matches above this

ALL = "all"  # cosine:all, the mean of every backbone's cosine

PairMatcher = Callable[[str, LocalFeatures, Sequence[int]], list[Matches]]
"""(stage, query, rows) -> the matches with each row."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Raw similarities of one annotation to its shortlisted rows.

    Attributes:
        rows: [R] gallery rows, no order promised.
        similarities: stage -> [R] float32.
        matches: stage that joins points (inliers, lightglue) -> R matches.
        stages: what ran and how long it took.
    """

    rows: I64
    similarities: Mapping[str, F32]
    matches: Mapping[str, list[Matches]]
    stages: tuple[Stage, ...]


def pair_matcher(models: Models, gallery: Gallery) -> PairMatcher:
    """Joins points between a query annotation and gallery rows, by the stage's own means."""

    def match(stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
        kind, model = stage.split(":")
        pairs = [(query, gallery.local[model].row(row)) for row in rows]
        if kind == "inliers":
            return [inliers(a, b) for a, b in pairs]
        if kind == "ratio":
            return [ratio_matches(a.descriptors, b.descriptors) for a, b in pairs]
        return models.matchers[model].match(pairs)

    return match


def gather(features: Features, gallery: Gallery, allowed: Bool, policy: Policy, match: PairMatcher) -> Evidence:
    """Run the policy's stages for one annotation.

    Cheap sources (cosine, votes) look at every allowed row and name the shortlist; the other stages see only shortlisted rows, so
    their cost grows with the shortlist, not with the gallery.
    """
    collector = _Collector(features, gallery, allowed, match)
    wanted = {*policy.shortlist.sources, *(stage.stage for stage in policy.stages)}
    for name in sorted(wanted, key=_cheap_first):
        if name.startswith("votes:"):
            collector.vote(name)
    rows = collector.shortlist(policy)
    similarities = {name: collector.look(name, rows) for name in sorted(wanted, key=_cheap_first)}
    return Evidence(rows, similarities, collector.matches, tuple(collector.stages))


def _cheap_first(stage: str) -> tuple[int, str]:
    return ("cosine", "votes", "ratio", "inliers", "lightglue").index(stage.split(":", maxsplit=1)[0]), stage


def concatenated(features: Features, gallery: Gallery) -> F32:
    """The paper's dual-backbone vector: every L2-normalised embedding end to end, [sum D] float32, normalised again."""
    joined = np.concatenate([features.embeddings[name] for name in sorted(gallery.embeddings)])
    return np.asarray(joined / np.sqrt(len(gallery.embeddings)), np.float32)


def cosine(features: Features, gallery: Gallery, model: str, rows: I64) -> F32:
    """[R] cosines of one backbone, or with `all` their mean, which is the cosine of the concatenated vectors. O(R D)."""
    names = sorted(gallery.embeddings) if model == ALL else [model]
    each = [gallery.embeddings[name][rows] @ features.embeddings[name] for name in names]
    return np.asarray(np.mean(each, axis=0), np.float32)


class _Collector:
    """The evidence of one annotation while it is being gathered."""

    def __init__(self, features: Features, gallery: Gallery, allowed: Bool, match: PairMatcher) -> None:
        self.features, self.gallery, self.allowed, self.match = features, gallery, allowed, match
        self.matches: dict[str, list[Matches]] = {}
        self.stages: list[Stage] = []
        self._votes: dict[str, tuple[F32, F32]] = {}

    def vote(self, name: str) -> None:
        """Let the query's descriptors vote over the whole gallery."""
        started = time.perf_counter()
        local = name.split(":")[1]
        index = self.gallery.descriptor_indexes[local]
        descriptors = self.features.local[local].descriptors
        self._votes[name] = voting.vote(descriptors, index, self.gallery.identity_of, self.allowed)
        self._ran(name, started, int(self.allowed.sum()))

    def shortlist(self, policy: Policy) -> I64:
        """Union of what each cheap source takes nearest."""
        rule = policy.shortlist
        started = time.perf_counter()
        taken = [self._nearest(name, rule.by, rule.size, rule.rows_each) for name in rule.sources]
        rows = np.unique(np.concatenate(taken)) if taken else np.zeros(0, np.int64)
        self._ran("shortlist", started, len(rows))
        return rows

    def look(self, name: str, rows: I64) -> F32:
        """[R] raw similarity of each shortlisted row in one stage."""
        kind, model = name.split(":")
        if kind == "votes":
            return self._votes[name][0][self.gallery.identity_of[rows]]
        started = time.perf_counter()
        if kind == "cosine":
            scores = cosine(self.features, self.gallery, model, rows)
        else:
            self.matches[name] = self.match(name, self.features.local[model], [int(row) for row in rows])
            least = MATCH_CONFIDENCE if kind == "lightglue" else 0.0
            scores = np.asarray([(m.confidences >= least).sum() for m in self.matches[name]], np.float32)
        self._ran(name, started, len(rows))
        return scores

    def _nearest(self, name: str, by: str, size: int, rows_each: int) -> I64:
        kind, model = name.split(":")
        identity_of = self.gallery.identity_of
        if kind == "votes":
            of_identity, of_row = self._votes[name]
            rows = np.flatnonzero(self.allowed & (of_row > 0))
            if by == "image":
                return rows[np.argsort(-of_row[rows], kind="stable")][:size]
            # the individual's own total leads, the row's part only chooses among its rows
            strength = of_identity[identity_of[rows]] + 1e-3 * of_row[rows]
            return shortlist.by_individual(rows, strength, identity_of, individuals=size, rows_each=rows_each)
        if size >= len(self.gallery):
            return np.flatnonzero(self.allowed)
        depth = size if by == "image" else max(300, 4 * size * rows_each)
        embedding = concatenated(self.features, self.gallery) if model == ALL else self.features.embeddings[model]
        allowed = None if self.allowed is self.gallery.everyone else self.allowed
        rows, similarity = shortlist.nearest_rows(embedding, self.gallery.indexes[model], allowed, depth)
        if by == "image":
            return rows
        return shortlist.by_individual(rows, similarity, identity_of, individuals=size, rows_each=rows_each)

    def _ran(self, name: str, started: float, candidates: int) -> None:
        self.stages.append(Stage(name, 1e3 * (time.perf_counter() - started), candidates))
