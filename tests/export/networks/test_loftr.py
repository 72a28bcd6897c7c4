"""LoFTR as one graph against the published code, at random weights and with no threshold, so that there is much to compare."""

import pytest
import torch
from kornia.feature import LoFTR

from export.networks import loftr
from export.networks.loftr import LoftrGraph
from service.cascade.golden import canonical_image
from service.errors import ArtifactError

SIDE = 96


@pytest.fixture(scope="module")
def networks() -> tuple[LoftrGraph, LoFTR]:
    torch.manual_seed(1)
    return loftr.build(None, 100, 0.0)


def views() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pairs: neighbouring cuttings, and a cutting with itself."""
    grey = torch.from_numpy(canonical_image()).float().mean(2)[None, None] / 255
    here, near, there = (grey[..., y : y + SIDE, x : x + SIDE] for y, x in ((60, 80), (68, 72), (0, 200)))
    return torch.cat([here, there]), torch.cat([near, there])


def test_the_places_and_confidences_are_the_published_ones_in_any_company(networks: tuple[LoftrGraph, LoFTR]) -> None:
    graph, published = networks
    first, second = views()
    with torch.inference_mode():
        points0, points1, confidences = graph(first, second)
        alone = [published({"image0": first[i : i + 1], "image1": second[i : i + 1]}) for i in (0, 1)]
    assert (confidences.diff(dim=1) <= 0).all()
    for pair, found in enumerate(alone):
        expected = torch.cat([found["keypoints0"], found["keypoints1"]], 1) - 0.5
        real = confidences[pair] > 0
        actual = torch.cat([points0[pair], points1[pair]], 1)[real]
        assert len(actual) == len(expected) > 0
        distance = torch.cdist(actual.double(), expected.double())
        assert distance.min(1).values.max() < 0.01
        theirs = found["confidence"][distance.argmin(1)]
        torch.testing.assert_close(confidences[pair][real], theirs, atol=1e-5, rtol=1e-3)


def test_its_own_checkpoint_loads_under_the_published_names_and_another_is_refused() -> None:
    torch.manual_seed(9)
    state = {f"matcher.{name}": value for name, value in LoFTR(None).state_dict().items()}
    _, network = loftr.build(state, 10, 0.2)
    name = "loftr_coarse.layers.0.q_proj.weight"
    assert torch.equal(network.state_dict()[name], state[f"matcher.{name}"])
    assert network.coarse_matching.thr == 0.2
    with pytest.raises(ArtifactError, match="not of LoFTR"):
        loftr.build({"weight": torch.zeros(1)}, 10, 0.2)
