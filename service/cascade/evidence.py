"""The raw evidence of one query photo: what each stage says of a gallery row. Gathered as it is asked for, and never twice.

Rows are the unit, as in WildFusion; votes belong to individuals and are lent to each of their rows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.cascade import shortlist, voting
from service.cascade.magsac import magsac_matches
from service.cascade.matching import Matches, ratio_matches
from service.cascade.models import Models
from service.cascade.signals import CHEAP, Fusion, Shortlist
from service.cascade.spatial import inliers_many
from service.cascade.values import F32, I64, Bool, Features, Gallery, LocalFeatures, Stage

MATCH_CONFIDENCE = 0.5  # WildFusion's reference implementation counts matches above this

ALL = "all"  # cosine:all, the mean of every backbone's cosine

PairMatcher = Callable[[str, LocalFeatures, Sequence[int]], list[Matches]]
"""(stage, query, rows) -> the matches with each row."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Raw similarities of one photo to its shortlisted rows.

    Attributes:
        rows: [R] gallery rows, ascending.
        similarities: stage -> [R] float32; 0 where points were not matched.
        open: stage -> [R] bool, rows whose points may still be matched: what stands there is the least it can be.
    """

    rows: I64
    similarities: Mapping[str, F32]
    open: Mapping[str, Bool]

    @property
    def settled(self) -> bool:
        """Whether nothing is left to match."""
        return not any(waiting.any() for waiting in self.open.values())


def pair_matcher(models: Models, gallery: Gallery) -> PairMatcher:
    """Joins points between a query photo and gallery rows, by the stage's own means."""

    def match(stage: str, query: LocalFeatures, rows: Sequence[int]) -> list[Matches]:
        kind, model = stage.split(":")
        features = [gallery.local[model].row(row) for row in rows]
        if kind == "inliers":
            return inliers_many(query, features)
        if kind == "ratio":
            return [ratio_matches(query.descriptors, row.descriptors) for row in features]
        if kind == "magsac":
            return [magsac_matches(query, row) for row in features]
        return models.matchers[model].match([(query, row) for row in features])

    return match


def counted(stage: str, matches: Matches) -> Matches:
    """The matches that count as evidence: of LightGlue those it is sure of, of the classics all."""
    if not stage.startswith("lightglue:"):
        return matches
    sure = matches.confidences >= MATCH_CONFIDENCE
    return Matches(matches.indices[sure], matches.confidences[sure])


def concatenated(features: Features, gallery: Gallery) -> F32:
    """The paper's dual-backbone vector: every L2-normalised embedding end to end, [sum D] float32, normalised again."""
    joined = np.concatenate([features.embeddings[name] for name in gallery.backbones])
    return np.asarray(joined / np.sqrt(len(gallery.backbones)), np.float32)


def cosine(features: Features, gallery: Gallery, model: str, rows: I64) -> F32:
    """[R] cosines of one embedding, or with `all` the backbones' mean, which is the cosine of the concatenated vectors. O(R D)."""
    names = gallery.backbones if model == ALL else (model,)
    each = [gallery.embeddings[name][rows] @ features.embeddings[name] for name in names]
    return np.asarray(np.mean(each, axis=0), np.float32)


class PhotoEvidence:
    """One query photo before one gallery; remembers what every stage has said.

    Args:
        allowed: [N] rows the photo may meet.
        comparable: [M] individuals that have such a row.

    Attributes:
        stages: what ran, in order. asked: local features that some stage read.
    """

    def __init__(
        self,
        features: Features,
        gallery: Gallery,
        allowed: Bool,
        comparable: Bool,
        match: PairMatcher,
        viewpoint: str | None = None,
    ) -> None:
        self.viewpoint = viewpoint
        self.features, self.gallery, self.allowed, self.comparable = features, gallery, allowed, comparable
        self.stages: list[Stage] = []
        self.asked: dict[str, LocalFeatures] = {}
        self._match = match
        self._votes: dict[str, tuple[F32, F32]] = {}
        self._matches: dict[tuple[str, int], Matches] = {}

    def shortlist(self, rule: Shortlist) -> tuple[I64, F32]:
        """Union of what each source takes nearest: [R] rows, ascending, and [R] their individual's mean reciprocal rank over the sources.

        O(R log R) after the sources' searches.
        """
        for name in rule.sources:
            if name.startswith("votes:"):
                self.votes(name)  # timed as a stage of its own
        started = time.perf_counter()
        taken = [self._nearest(name, rule.by, rule.size, rule.rows_each) for name in rule.sources]
        rows = np.unique(np.concatenate(taken))
        standing = np.zeros(len(self.gallery.identities), np.float32)
        for found in taken:
            _, first = np.unique(self.gallery.identity_of[found], return_index=True)
            order = self.gallery.identity_of[found[np.sort(first)]]
            standing[order] += 1 / np.arange(1, len(order) + 1, dtype=np.float32)
        self._ran("shortlist", started, len(rows))
        return rows, np.asarray(standing[self.gallery.identity_of[rows]] / len(taken), np.float32)

    def cheap(self, name: str, rows: I64) -> F32:
        """[R] similarity of rows in a stage that looks at the whole gallery."""
        kind, model = name.split(":")
        if kind == "votes":
            return self.votes(name)[0][self.gallery.identity_of[rows]]
        started = time.perf_counter()
        scores = cosine(self.features, self.gallery, model, rows)
        self._ran(name, started, len(rows))
        return scores

    def match(self, name: str, rows: I64) -> F32:
        """[R] similarity of rows in a stage that joins points. O(rows not seen before)."""
        missing = [int(row) for row in rows if (name, int(row)) not in self._matches]
        if missing:
            query = self._local(name)
            started = time.perf_counter()
            found = self._match(name, query, missing)
            self._matches.update({(name, row): matches for row, matches in zip(missing, found, strict=True)})
            self._ran(name, started, len(missing))
        return np.asarray([len(counted(name, self._matches[name, int(row)])) for row in rows], np.float32)

    def matches(self, row: int) -> dict[str, Matches]:
        """Stage -> the points joined with a gallery row, of every stage that joined any."""
        return {stage: found for (stage, seen), found in self._matches.items() if seen == row}

    def votes(self, name: str) -> tuple[F32, F32]:
        """Votes of the photo's descriptors: [M] an individual, [N] a row."""
        if name not in self._votes:
            descriptors = self._local(name).descriptors
            started = time.perf_counter()
            index = self.gallery.descriptor_indexes[name.split(":")[1]]
            self._votes[name] = voting.vote(descriptors, index, self.gallery.identity_of, self.allowed)
            self._ran(name, started, len(self.gallery))
        return self._votes[name]

    def _local(self, stage: str) -> LocalFeatures:
        name = stage.split(":")[1]
        self.asked[name] = self.features.local[name]
        return self.asked[name]

    def _nearest(self, name: str, by: str, size: int, rows_each: int) -> I64:
        """What one source takes, best first."""
        kind, model = name.split(":")
        identity_of = self.gallery.identity_of
        if kind == "votes":
            of_identity, of_row = self.votes(name)
            rows = np.flatnonzero(self.allowed & (of_row > 0))
            if by == "image":
                return rows[np.argsort(-of_row[rows], kind="stable")][:size]
            # the individual's own total leads, the row's part only chooses among its rows
            strength = of_identity[identity_of[rows]] + 1e-3 * of_row[rows]
            return shortlist.by_individual(rows, strength, identity_of, individuals=size, rows_each=rows_each)
        if size >= len(self.gallery):
            rows = np.flatnonzero(self.allowed)
            return rows[np.argsort(-cosine(self.features, self.gallery, model, rows), kind="stable")]
        depth = size if by == "image" else max(300, 4 * size * rows_each)
        embedding = concatenated(self.features, self.gallery) if model == ALL else self.features.embeddings[model]
        allowed = None if self.allowed is self.gallery.everyone else self.allowed
        rows, similarity = shortlist.nearest_rows(embedding, self.gallery.indexes[model], allowed, depth)
        if by == "image":
            return rows
        return shortlist.by_individual(rows, similarity, identity_of, individuals=size, rows_each=rows_each)

    def _ran(self, name: str, started: float, candidates: int) -> None:
        self.stages.append(Stage(name, 1e3 * (time.perf_counter() - started), candidates))


def matched_stages(fusion: Fusion) -> tuple[list[str], list[str]]:
    """A fusion's stages that join points, in two tiers: classics, and the matcher network (a hundred times dearer)."""
    names = [stage.stage for stage in fusion.stages if stage.kind not in CHEAP]
    glue = [name for name in names if name.startswith("lightglue:")]
    return [name for name in names if name not in glue], glue
