"""Which keypoints of two images are the same spot: LightGlue in padded batches, and two classics in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.artifacts.bundle import LocalSpec, MatcherSpec
from service.artifacts.onnx_session import Session
from service.cascade.oriented import OrientedFeatures
from service.cascade.values import F32, I64, LocalFeatures
from service.errors import ArtifactError

MICRO_BATCH = 8

Pair = tuple[LocalFeatures, LocalFeatures]


@dataclass(frozen=True, slots=True)
class Matches:
    """Matches between two sets of local features.

    Attributes:
        indices: [L x 2] int64, row of the first and of the second set; each row is used at most once.
        confidences: [L] float32 in [0, 1].
    """

    indices: I64
    confidences: F32

    def __len__(self) -> int:
        return len(self.indices)


class Matcher:
    """LightGlue over any number of pairs; a pair's matches do not depend on the pairs beside it."""

    def __init__(self, session: Session, spec: MatcherSpec, local_spec: LocalSpec) -> None:
        self.spec = spec
        self._session = session
        self._square = local_spec.preprocess.resize == "squash"

    def match(self, pairs: Sequence[Pair]) -> list[Matches]:
        """One Matches a pair, in order; no keypoints on either side, no matches. O(pairs x N^2), memory of one micro-batch."""
        results = [no_matches()] * len(pairs)
        work = [i for i, (a, b) in enumerate(pairs) if len(a) and len(b)]
        work.sort(key=lambda i: (len(pairs[i][0]), len(pairs[i][1])))  # like lengths together: little padding
        for start in range(0, len(work), MICRO_BATCH):
            part = work[start : start + MICRO_BATCH]
            for i, matches in zip(part, self._run([pairs[i] for i in part]), strict=True):
                results[i] = matches
        return results

    def _run(self, pairs: Sequence[Pair]) -> list[Matches]:
        feed = {**self._padded([a for a, _ in pairs], "0"), **self._padded([b for _, b in pairs], "1")}
        partners, confidences = self._session.run(feed)
        return [_read(partners[i, : len(a)], confidences[i, : len(a)]) for i, (a, _) in enumerate(pairs)]

    def _padded(self, sets: Sequence[LocalFeatures], side: str) -> dict[str, NDArray[Any]]:
        longest = max(len(features) for features in sets)
        keypoints = np.zeros((len(sets), longest, 4 if self.spec.oriented else 2), np.float32)
        descriptors = np.zeros((len(sets), longest, sets[0].descriptors.shape[1]), np.float32)
        mask = np.zeros((len(sets), longest), np.bool_)
        for row, features in enumerate(sets):
            keypoints[row, : len(features)] = self._placed(features)
            descriptors[row, : len(features)] = features.descriptors
            mask[row, : len(features)] = True
        return {f"keypoints{side}": keypoints, f"descriptors{side}": descriptors, f"mask{side}": mask}

    def _placed(self, features: LocalFeatures) -> F32:
        """[K x 2] places, or [K x 4] with scale and orientation."""
        places = normalised(features, square=self._square)
        if not self.spec.oriented:
            return places
        if not isinstance(features, OrientedFeatures):
            raise ArtifactError(
                f"matcher {self.spec.name} needs the scale and orientation of every keypoint, and these features carry none: "
                "extract them again from the photo"
            )
        return np.concatenate([places, features.frames], 1)


def normalised(features: LocalFeatures, *, square: bool) -> F32:
    """Keypoints as LightGlue sees them: the centre at 0, the longer side from -1 to 1.

    Args:
        square: the network saw the image squashed to a square, so each side spans -1 to 1 by itself.
    """
    size = np.array(features.size_px, np.float32)
    reach = size / 2 if square else size.max() / 2
    return np.asarray((features.keypoints - size / 2) / reach, np.float32)


def mutual_nearest(a: F32, b: F32) -> Matches:
    """Rows that are each other's nearest. a: [N x D], b: [M x D], L2-normalised; confidence = cosine. O(N M D)."""
    if not len(a) or not len(b):
        return no_matches()
    similarity = a @ b.T
    own, partner = _mutual(similarity)
    return Matches(np.stack([own, partner], 1), np.clip(similarity[own, partner], 0, 1))


def ratio_matches(a: F32, b: F32, ratio: float = 0.8) -> Matches:
    """Mutual nearest rows that are clearly nearer than the second nearest (Lowe 2004).

    a: [N x D], b: [M x D], L2-normalised. Confidence = 1 - distance / second distance, so above 1 - ratio. With fewer than two rows
    in `b` there is no second nearest, and no match. O(N M D).
    """
    if not len(a) or len(b) < 2:
        return no_matches()
    similarity = a @ b.T
    own, partner = _mutual(similarity)
    rows = similarity[own]
    second = np.partition(rows, -2, axis=1)[:, -2]
    nearest_distance, second_distance = (
        np.sqrt(np.maximum(2 - 2 * cosine, 0)) for cosine in (similarity[own, partner], second)
    )
    share = nearest_distance / np.maximum(second_distance, 1e-9)
    good = share < ratio
    return Matches(np.stack([own, partner], 1)[good], np.asarray(1 - share[good], np.float32))


def no_matches() -> Matches:
    """Zero rows."""
    return Matches(np.empty((0, 2), np.int64), np.empty(0, np.float32))


def _mutual(similarity: F32) -> tuple[I64, I64]:
    to_b, to_a = similarity.argmax(1), similarity.T.copy().argmax(1)  # along rows: columns would miss the cache
    own = np.flatnonzero(to_a[to_b] == np.arange(len(similarity)))
    return own, to_b[own]


def _read(partners: I64, confidences: F32) -> Matches:
    own = np.flatnonzero(partners >= 0)
    return Matches(np.stack([own, partners[own]], 1), np.asarray(confidences[own], np.float32))
