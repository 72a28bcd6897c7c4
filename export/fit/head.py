"""A metric head on frozen embeddings, in closed form: keep what varies between animals, flatten what varies between one's encounters.

Linear discriminant analysis with shrunk within-class covariance (Fisher 1936; WCCN: Hatch et al. 2006), seconds where gradient descent
takes minutes, and its starting point. Two rules make it honest on wild animals: photos of one encounter count as one (a burst shares
light and ground), and the two flanks of an animal are two classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.cascade.values import F32, FLANKS, I64
from service.errors import InputError

FEWEST_INDIVIDUALS = 5
WIDTH = 256  # held-out top-1 changes by two points at most from 128 to 400
COMPONENTS = 400
SHRINKAGE = 0.2  # of .05, .2, .5, .9 the best held-out top-1 on nyala and on synthetic spots
MOST_ROWS = 20_000
_TINY = 1e-12

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """An affine map of the concatenated embeddings: embedding = L2norm(((x - mean) * scale) @ matrix).

    Attributes:
        mean, scale: [D] float32.
        matrix: [D x E] float32.
    """

    mean: F32
    scale: F32
    matrix: F32

    def __call__(self, embeddings: F32) -> F32:
        """[N x D] concatenated L2-normalised embeddings -> [N x E] float32, L2-normalised."""
        turned = ((embeddings - self.mean) * self.scale) @ self.matrix
        return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), _TINY), np.float32)


def fit_head(
    embeddings: F32,
    individuals: I64,
    encounters: Sequence[str],
    *,
    viewpoints: Sequence[str] | None = None,
    seed: int = 0,
) -> HeadWeights:
    """Fit a head. Deterministic; O(N D^2 + D^3), about a second for 1,000 photos.

    A photo the head was fitted on is no fair query: judge a head on encounters and individuals it never saw.

    Args:
        embeddings: [N x D] float32, the backbones' L2-normalised embeddings side by side.
        individuals: [N] int64, who each photo shows.
        encounters: [N]; empty: the photo is an encounter of its own.
        viewpoints: [N]; photos of an animal's left and right flank are then two classes.
        seed: chooses the photos kept where there are more than 20,000.

    Raises:
        InputError: fewer than five classes have photos of more than one encounter.
    """
    kept = np.sort(np.random.default_rng(seed).permutation(len(embeddings))[:MOST_ROWS])
    x = np.asarray(embeddings, np.float64)[kept]
    flank = np.array([view if view in FLANKS else "" for view in viewpoints or [""] * len(embeddings)])[kept]
    classes = _codes(np.asarray(individuals)[kept].astype(str), flank)
    met = np.array([name or f"\0{row}" for row, name in enumerate(encounters)])[kept]
    encounter = _codes(classes.astype(str), met)
    share = (
        1 / np.bincount(encounter)[encounter]
    )  # of each photo in its encounter: a long burst teaches no more than one photo
    mean = np.average(x, 0, share)
    basis = _principal((x - mean) * np.sqrt(share)[:, None])
    reduced = (x - mean) @ basis
    matrix = basis @ _discriminant(reduced * np.sqrt(share)[:, None], _within(reduced, classes, encounter))
    return HeadWeights(mean.astype(np.float32), np.ones(x.shape[1], np.float32), matrix.astype(np.float32))


def _codes(*labels: NDArray[np.str_]) -> I64:
    """Columns of labels -> one number for each combination."""
    return np.asarray(np.unique(np.stack(labels, 1), axis=0, return_inverse=True)[1], np.int64).ravel()


def _principal(centred: F64) -> F64:
    """[N x D] -> [D x P] orthonormal: the directions the photos vary in at all, at most `COMPONENTS`."""
    if len(centred) < centred.shape[1]:
        _, lengths, rows = np.linalg.svd(centred, full_matrices=False)
        values, vectors = lengths**2, rows.T
    else:
        values, vectors = (part[..., ::-1] for part in np.linalg.eigh(centred.T @ centred))
    return np.asarray(vectors[:, values > values[0] * 1e-9][:, :COMPONENTS])


def _within(x: F64, classes: I64, encounters: I64) -> F64:
    """[P x P] covariance inside a class: between its encounters, plus inside an encounter, shrunk towards a sphere."""
    centre, photos = _means(x, encounters)
    class_of = np.zeros(len(centre), np.int64)
    class_of[encounters] = classes
    class_centre, met = _means(centre, class_of)
    several = met > 1
    if several.sum() < FEWEST_INDIVIDUALS:
        raise InputError(
            f"a head needs {FEWEST_INDIVIDUALS} animals (or flanks) photographed in more than one encounter; there are {several.sum()}"
        )
    unbiased = np.sqrt(met / np.maximum(met - 1, 1))[class_of, None]
    between = ((centre - class_centre[class_of]) * unbiased)[several[class_of]]
    inside = (x - centre[encounters]) / np.sqrt(photos)[encounters, None]
    covariance = between.T @ between / len(between) + inside.T @ inside / len(centre)
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.asarray((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere)


def _means(x: F64, groups: I64) -> tuple[F64, I64]:
    """Mean and size of each group."""
    size = np.bincount(groups)
    total = np.zeros((len(size), x.shape[1]))
    np.add.at(total, groups, x)
    return total / size[:, None], size


def _discriminant(x: F64, within: F64) -> F64:
    """[P x E]: directions in which the within covariance is a unit sphere, those of most variance first. Signs are fixed."""
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values)
    total = white.T @ (x.T @ x) @ white
    turned: F64 = white @ np.linalg.eigh(total)[1][:, ::-1][:, :WIDTH]
    strongest = np.abs(turned).argmax(0)
    return turned * np.sign(turned[strongest, np.arange(turned.shape[1])])
