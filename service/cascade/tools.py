"""What a species' policy needs beside evidence, made ready: gate, pairwise booster, neighbour graph, tuned space."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import faiss
import numpy as np

from service.cascade import wildfusion
from service.cascade.anytime import Booster, Reranker
from service.cascade.arcface_stage import TUNED, Head
from service.cascade.encounter import GateReader, Tools
from service.cascade.evidence import ALL, Evidence, PhotoEvidence, concatenated, cosine
from service.cascade.pair_row import pair_rows
from service.cascade.policy import Policy
from service.cascade.reciprocal_graph import WIDTH, ReciprocalGraph, search_graph
from service.cascade.rerank import QueryNeighbours, jaccard
from service.cascade.shortlist import nearest_rows
from service.cascade.signals import Fusion, Gate, Rerank
from service.cascade.values import F32, I64, Gallery
from service.cascade.xgboost_stage import Gate as GateModel
from service.cascade.xgboost_stage import PairBooster

BoosterModel: TypeAlias = GateModel | PairBooster


def turned(gallery: Gallery, head: Head) -> Gallery:
    """The gallery in the eyes of a head as well. O(N sum D E)."""
    return with_tuned(gallery, head.embed({name: np.asarray(gallery.embeddings[name]) for name in gallery.backbones}))


def with_tuned(gallery: Gallery, rows: F32) -> Gallery:
    """The gallery with [N x E] tuned embeddings beside the backbones', searchable as `cosine:arcface` (exactly: IndexFlatIP)."""
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return dataclasses.replace(
        gallery,
        embeddings={**gallery.embeddings, TUNED: rows},
        indexes={**gallery.indexes, TUNED: index},
        backbones=gallery.backbones,
    )


def make_tools(policy: Policy, gallery: Gallery, boosters: Mapping[str, BoosterModel]) -> Tools:
    """Whatever the policy's signals name. The neighbour graph costs N searches, and is made only where a fusion re-ranks.

    Raises:
        KeyError: a booster that is not there (service.artifacts.policies refuses such a policy at load).
    """
    gates, pairwise = {}, {}
    for signal in policy.signals.values():
        if isinstance(signal, Gate):
            gates[signal.booster] = read_gate(_gate(boosters[signal.booster]))
        elif signal.booster is not None:
            pairwise[signal.booster] = read_pairs(_pairwise(boosters[signal.booster]))
    reranks = any(isinstance(signal, Fusion) and signal.rerank is not None for signal in policy.signals.values())
    return Tools(gates, pairwise, read_graph(neighbour_graph(gallery)) if reranks and len(gallery) > 1 else None)


def read_gate(gate: GateModel) -> GateReader:
    """A photo -> the gate's posterior over the gallery's individuals, NaN for those it does not know."""

    def read(photo: PhotoEvidence) -> F32:
        row = gate.row(photo.features, photo.gallery, photo.allowed, photo.viewpoint)
        return gate.over(row, photo.gallery.identities)

    return read


def read_pairs(booster: PairBooster) -> Booster:
    """A photo and its settled evidence -> probability of each row."""

    def read(photo: PhotoEvidence, evidence: Evidence, fusion: Fusion) -> F32:
        rows = rows_of_pairs(booster.stages, photo.gallery, photo.viewpoint, evidence, fusion)
        return booster.probability(rows)

    return read


def rows_of_pairs(
    stages: Sequence[str], gallery: Gallery, viewpoint: str | None, evidence: Evidence, fusion: Fusion
) -> F32:
    """[R x F] float32: the pairwise booster's rows of a photo's shortlist."""
    identity = gallery.identity_of[evidence.rows]
    return pair_rows(
        stages,
        evidence.similarities,
        wildfusion.calibrated(evidence, fusion),
        identity,
        query_viewpoint=viewpoint,
        row_viewpoints=gallery.viewpoints[evidence.rows],
        individuals=len(gallery.identities),
        photos_of_candidate=np.bincount(gallery.identity_of, minlength=len(gallery.identities))[identity],
    )


def neighbour_graph(gallery: Gallery) -> ReciprocalGraph:
    """The gallery's nearest neighbours by cosine of all backbones. N searches."""
    parts = [np.asarray(gallery.embeddings[name]) for name in gallery.backbones]
    joined = np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(parts)))
    return search_graph(joined, gallery.indexes[ALL], width=min(WIDTH, 255))


def read_graph(graph: ReciprocalGraph) -> Reranker:
    """k-reciprocal re-ranking of any fused probability by the neighbours in the backbones' space."""

    def read(photo: PhotoEvidence, rows: I64, settings: Rerank) -> "_Closer":
        gallery, features = photo.gallery, photo.features
        allowed = None if photo.allowed is gallery.everyone else photo.allowed
        near, _ = nearest_rows(concatenated(features, gallery), gallery.indexes[ALL], allowed, 2 * settings.k1)
        order = np.lexsort((near, -cosine(features, gallery, ALL, near)))
        query = QueryNeighbours(near[order], lambda asked: cosine(features, gallery, ALL, asked), allowed)
        return _Closer(jaccard(rows, query, graph, k1=settings.k1, k2=settings.k2), settings.weight)

    return read


@dataclasses.dataclass(frozen=True, slots=True)
class _Closer:
    """S_final = (1 - share) S_orig + share S_Jaccard."""

    jaccard: F32
    share: float

    def __call__(self, original: F32) -> F32:
        return np.asarray((1 - self.share) * original + self.share * self.jaccard, np.float32)


def _gate(model: BoosterModel) -> GateModel:
    if not isinstance(model, GateModel):
        raise TypeError(f"{model.spec.name} is no gate")
    return model


def _pairwise(model: BoosterModel) -> PairBooster:
    if not isinstance(model, PairBooster):
        raise TypeError(f"{model.spec.name} is no pairwise booster")
    return model
