"""Detector-free matching (LoFTR): the places two photos share, found in the photos themselves, where no corner stands out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.artifacts.bundle import DenseMatcherSpec
from service.artifacts.onnx_session import Session
from service.cascade.preprocess import Prepared, prepare
from service.cascade.values import F32, U8, Bool

MICRO_BATCH = 4


@dataclass(frozen=True, slots=True)
class PointMatches:
    """Places that two photos share; line l joins row l of both.

    Attributes:
        first, second: [L x 2] float32, (x, y) in pixels of each photo; pixel centres are integers.
        confidences: [L] float32 in (0, 1], descending.
    """

    first: F32
    second: F32
    confidences: F32

    def __len__(self) -> int:
        return len(self.confidences)


class DenseMatcher:
    """A network over pairs of photos. It keeps nothing: each photo is read again for every pair."""

    def __init__(self, session: Session, spec: DenseMatcherSpec) -> None:
        self.spec = spec
        self._session = session

    def match(self, pairs: Sequence[tuple[U8, U8]]) -> list[PointMatches]:
        """One PointMatches a pair of [H x W x 3] uint8 RGB photos, in order. O(pairs), each as dear as two backbones."""
        found: list[PointMatches] = []
        for start in range(0, len(pairs), MICRO_BATCH):
            found += self._run(pairs[start : start + MICRO_BATCH])
        return found

    def _run(self, pairs: Sequence[tuple[U8, U8]]) -> list[PointMatches]:
        first, second = ([prepare(pair[side], self.spec.preprocess) for pair in pairs] for side in (0, 1))
        feed = {f"image{i}": np.stack([one.tensor for one in side]) for i, side in enumerate((first, second))}
        points0, points1, confidences = self._session.run(feed)
        return [
            _read((first[i], points0[i]), (second[i], points1[i]), np.asarray(confidences[i], np.float32))
            for i in range(len(pairs))
        ]


def _read(first: tuple[Prepared, F32], second: tuple[Prepared, F32], confidences: F32) -> PointMatches:
    kept = (confidences > 0) & _inside(*first) & _inside(*second)
    places = [prepared.to_original(np.asarray(points[kept], np.float32)) for prepared, points in (first, second)]
    return PointMatches(places[0], places[1], confidences[kept])


def _inside(prepared: Prepared, points: F32) -> Bool:
    """[K] bool: on the photo, not in the padding beside it."""
    width, height = prepared.valid_px
    return np.asarray(((points >= -0.5) & (points <= np.array([width, height]) - 0.5)).all(1))
