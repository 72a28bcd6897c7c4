"""Background, light and colour must not give an animal away: only the pattern of its coat may."""

import numpy as np
import pytest

from export.synthetic.dataset import photos_of
from export.synthetic.plan import Study
from export.synthetic.species import SPECIES


@pytest.fixture(scope="module", params=("spots", "stripes", "blotches"))
def photos(request):
    return list(photos_of(Study(individuals=15, encounters_per_individual=4, seed=8), SPECIES[request.param]))


def border_colour(pixels):
    frame = np.ones(pixels.shape[:2], bool)
    frame[36:-36, 48:-48] = False
    return np.concatenate([pixels[frame].mean(0), pixels[frame].std(0)])


def colour_histogram(pixels):
    counts, _ = np.histogramdd(pixels.reshape(-1, 3)[::7], bins=(6, 6, 6), range=((0, 256),) * 3)
    return np.sqrt(counts.ravel() / counts.sum())


def lucky_hits(photos, probe):
    """Hits of the probe's nearest neighbour over all other encounters, beside what chance expects of it."""
    vectors = np.array([probe(photo.pixels) for photo in photos])
    who = np.array([photo.encounter.individual for photo in photos])
    met = np.array([photo.encounter.individual * 100 + photo.encounter.number for photo in photos])
    distances = ((vectors[:, None] - vectors[None]) ** 2).sum(-1)
    other = met[:, None] != met[None]
    nearest = np.where(other, distances, np.inf).argmin(1)
    shares = ((who[:, None] == who[None]) & other).sum(1) / other.sum(1)
    return (who[nearest] == who).sum(), shares.sum()


@pytest.mark.parametrize("probe", [border_colour, colour_histogram])
def test_colour_probes_are_near_chance(photos, probe):
    hits, expected = lucky_hits(photos, probe)
    assert hits < expected + 4 * np.sqrt(2 * expected), f"{hits} of {len(photos)}, chance {expected:.1f}"
