"""Score-CAM points at what the candidate's photo shows, whatever else is in the picture."""

import numpy as np
import pytest
from place_parts import GRID, GridSession, make_models

from service.artifacts.bundle import EmbedderSpec
from service.cascade.embedder import Embedder
from service.cascade.golden import canonical_image
from service.cascade.preprocess import PreprocessSpec
from service.cascade.score_cam import score_cam
from service.errors import NotFoundError

SIDE = 64


class SpotSession:
    """A network whose maps are the cells of a grid, one a map; its embedding is what each quadrant holds."""

    def __init__(self):
        self.batches = []

    def run(self, feed):
        image = feed["image"].mean(1)
        self.batches.append(len(image))
        cells = image.reshape(len(image), GRID, SIDE // GRID, GRID, SIDE // GRID).mean((2, 4))
        maps = np.zeros((len(image), GRID * GRID, GRID, GRID), np.float32)
        index = np.arange(GRID * GRID)
        maps[:, index, index // GRID, index % GRID] = cells.reshape(len(image), -1)
        quadrants = image.reshape(len(image), 2, SIDE // 2, 2, SIDE // 2).mean((2, 4)).reshape(len(image), 4)
        return [quadrants.astype(np.float32) + 1e-6, maps]


def embedder(session, dim):
    spec = EmbedderSpec(
        name="e", licence="MIT", source="test", dim=dim, activations=True, preprocess=PreprocessSpec(size_px=SIDE)
    )
    return Embedder(session, spec)


@pytest.mark.parametrize("quadrant", range(4))
def test_heat_lies_where_the_candidate_is(quadrant):
    image = np.random.default_rng(0).integers(60, 255, (SIDE, SIDE, 3), np.uint8)
    target = np.eye(4, dtype=np.float32)[quadrant]
    heat = score_cam(embedder(SpotSession(), 4), image, target, channels=GRID * GRID)
    assert heat.values.shape == (SIDE, SIDE)
    assert (heat.values.min(), heat.values.max()) == (0, 1)
    x, y = heat.peak
    assert (int(y >= 0.5), int(x >= 0.5)) == divmod(quadrant, 2)
    quarters = heat.values.reshape(2, SIDE // 2, 2, SIDE // 2).sum((1, 3)).ravel()
    assert quarters[quadrant] > 0.6 * quarters.sum()
    assert heat.cosine == pytest.approx(0.5, abs=0.05)
    assert 0 < heat.spread < 0.5


def test_the_work_is_bounded_by_the_channels():
    session = SpotSession()
    image = np.random.default_rng(1).integers(0, 255, (90, 50, 3), np.uint8)
    score_cam(embedder(session, 4), image, np.ones(4, np.float32) / 2, channels=10)
    assert sum(session.batches) == 1 + 10
    assert max(session.batches) <= 8


def test_a_picture_of_nothing_is_nowhere_hot():
    heat = score_cam(embedder(GridSession(), 192), np.zeros((40, 40, 3), np.uint8), np.ones(192, np.float32))
    assert not heat.values.any()


def test_a_file_without_activations_is_refused_with_advice():
    grid = make_models(activations=False).embedders["grid"]
    with pytest.raises(NotFoundError, match="grid does not show where it looks: build the bundle again"):
        score_cam(grid, np.zeros((40, 40, 3), np.uint8), np.ones(192, np.float32))


@pytest.mark.parametrize("side", [0, 1], ids=["left", "right"])
@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "dinov2_s"])
def test_the_default_backbones_look_at_what_both_photos_share(models, backbone, side):
    """Discs before flat grey on one side of the query; the candidate's photo is the discs alone."""
    discs = canonical_image()[:, :192]
    query = np.full((288, 384, 3), 110, np.uint8)
    query[:, 192 * side : 192 * (side + 1)] = discs
    network = models.embedders[backbone]
    heat = score_cam(network, query, network.embed([discs])[0], channels=16)
    half = heat.values.shape[1] // 2
    shares = heat.values[:, :half].sum(), heat.values[:, half:].sum()
    assert shares[side] > 2 * shares[1 - side]
