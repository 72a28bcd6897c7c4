"""Does the background give the animal away? The same question once more, with the animal taken out of the picture.

Camera traps see the same animals at the same places, and a network that learned the place looks right until the animal walks on. So: the
embedding sees the photo with the animal painted over by the background's mean colour, and keypoints on the animal are dropped. Whoever is
named then was named by the place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from service.cascade import verdict
from service.cascade.identify import CascadeState, before_gallery
from service.cascade.lazy_features import LazyLocals
from service.cascade.values import F32, U8, Bool, Features, Identity, Query

_SIZE_PX = 192  # of the longer side the animal is cut out at
_ROUNDS = 3
_CERTAIN_BORDER = 0.04  # of each side: surely background
_PROBABLE_ANIMAL = 0.7  # of each side: the ellipse that is probably animal
_MARGIN = 0.03  # of the longer side: descriptors near the outline still see the animal
_LEAST = 0.02  # of the crop: with less animal, or less background, nothing stands out
_LARGE = 0.1  # of the largest piece: smaller ones are specks
_CLOSE = 0.8  # of the whole photo's p_known


@dataclass(frozen=True, slots=True)
class Names:
    """Who leads, and how sure: `p_known` in [0, 1], named from 1/2 upward. None: there is no candidate."""

    identity: Identity | None
    p_known: float


@dataclass(frozen=True, slots=True)
class BackgroundCheck:
    """The answer of the whole photos and of their background alone.

    Attributes:
        animal: share of the crops that was taken for the animal.
        leak: whether the background alone names the same individual, about as surely.
    """

    whole: Names
    background: Names
    animal: float
    leak: bool

    @property
    def sentence(self) -> str:
        """What it means, for a person."""
        who, sure = self.background.identity, f"{self.background.p_known:.0%}"
        if who is None:
            return "The background alone is like nobody's."
        if self.leak:
            return f"The background alone names {who.name} ({sure}): the answer may be about the place, not the animal."
        if self.background.p_known >= 0.5:
            return (
                f"The background alone names someone else, {who.name} ({sure}): the place misleads, the animal decided."
            )
        return f"The background alone names nobody ({sure} for {who.name}): the answer is about the animal."


def check_background(query: Query, state: CascadeState) -> BackgroundCheck:
    """Ask with and without the animal. As dear as two identifications; galleries and policies as the state has them.

    A photo's own mask is used where it has one, else the animal is cut out by GrabCut (Rother et al. 2004), seeded from the crop's middle.
    """
    masks = [animal_mask(a.image) if a.mask is None else a.mask for a in query.annotations]
    seen = [_Seen(a.image, a.image, a.mask) for a in query.annotations]
    hidden = [
        _Seen(without(a.image, mask), a.image, ~_grown(mask)) for a, mask in zip(query.annotations, masks, strict=True)
    ]
    whole, background = _ask(query, seen, state), _ask(query, hidden, state)
    return BackgroundCheck(whole, background, float(np.mean([mask.mean() for mask in masks])), leaks(whole, background))


def leaks(whole: Names, background: Names) -> bool:
    """Whether the background alone names the individual that leads, at nearly the same p_known."""
    if whole.identity is None or background.identity is None or whole.identity.id != background.identity.id:
        return False
    return background.p_known >= max(0.5, _CLOSE * whole.p_known)


def animal_mask(image: U8) -> Bool:
    """[H x W x 3] uint8 RGB crop -> [H x W] bool, True on the animal: the convex hull of the middle and what stands out there.

    The hull takes legs, ears and the ground between them along: too little background is a weaker test, but animal left in it would be a
    false alarm. Where nothing stands out, all but the corners. O(1): cut at 192 px.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _SIZE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    labels = _seed(size)
    cv2.setRNGSeed(0)  # its colour clusters start at random: the same photo, the same mask
    cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    middle = (_reach(size) <= _PROBABLE_ANIMAL / 2).astype(np.uint8)
    whole = _hull(found | middle) if _LEAST < found.mean() < 1 - _LEAST else (_reach(size) <= 0.5).astype(np.uint8)
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _hull(found: U8) -> U8:
    """Convex hull of the large pieces of a mask."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas >= _LARGE * areas.max())
    points = cv2.findNonZero(np.isin(labels, large).astype(np.uint8))
    hull = np.zeros_like(found)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull


def without(image: U8, mask: Bool) -> U8:
    """The image with the masked pixels, and a margin, painted in the mean colour of the rest."""
    painted, covered = image.copy(), _grown(mask)
    painted[covered] = image[~covered].mean(axis=0) if not covered.all() else image.mean(axis=(0, 1))
    return painted


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the backbones see, what the local features see, and where of it keypoints count."""

    shown: U8
    image: U8
    mask: Bool | None


def _ask(query: Query, seen: Sequence[_Seen], state: CascadeState) -> Names:
    gallery = state.galleries[query.species]
    embedded = state.models.embed([one.shown for one in seen])
    features = [
        Features(state.models.with_head(query.species, found), LazyLocals(one.image, state.models.locals, one.mask))
        for found, one in zip(embedded, seen, strict=True)
    ]
    if not len(gallery):
        return Names(None, 0.0)
    rule, reading = before_gallery(query, features, state).decide()
    if np.isnan(reading.probabilities).all():
        return Names(None, 0.0)
    best = gallery.identities[int(np.nanargmax(reading.probabilities))]
    return Names(best, verdict.told(reading.confidence, rule))


def _reach(size: tuple[int, int]) -> F32:
    """[h x w] distance of each pixel from the middle, in shares of the sides: 1/2 at the inscribed ellipse."""
    width, height = size
    ys, xs = np.mgrid[0:height, 0:width]
    return np.asarray(np.hypot((xs + 0.5) / width - 0.5, (ys + 0.5) / height - 0.5), np.float32)


def _seed(size: tuple[int, int]) -> U8:
    """GrabCut's labels to start from: a border that is background, an ellipse in the middle that is probably animal."""
    labels = np.where(_reach(size) <= _PROBABLE_ANIMAL / 2, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    border_x, border_y = (max(1, round(_CERTAIN_BORDER * side)) for side in size)
    labels[:border_y] = labels[-border_y:] = cv2.GC_BGD
    labels[:, :border_x] = labels[:, -border_x:] = cv2.GC_BGD
    return labels


def _grown(mask: Bool) -> Bool:
    reach = max(1, round(_MARGIN * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
