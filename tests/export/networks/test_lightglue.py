"""The rearranged LightGlue against the published code, for every local feature it was trained for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.networks import lightglue
from export.onnx_matcher import example_pair
from export.weights import PackageWeights, locate, read_state
from service.errors import ArtifactError


def state(name: str) -> dict[str, torch.Tensor]:
    found = read_state(locate(PackageWeights(source="package", name=name), Path()))
    assert found is not None
    return found


def both(weights: dict[str, torch.Tensor] | None, features: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Matches and confidences of the graph, and of the published network."""
    torch.manual_seed(3)
    graph, published = lightglue.build(weights, features)
    oriented = published.conf.add_scale_ori
    feed = {k: torch.from_numpy(v) for k, v in example_pair(published.conf.input_dim, 90, oriented=oriented).items()}
    sides = []
    for i in (0, 1):
        places = feed[f"keypoints{i}"]
        side = {"keypoints": places[..., :2] + 1, "descriptors": feed[f"descriptors{i}"]}
        sides.append({**side, "image_size": torch.full((1, 2), 2.0)})
        if oriented:
            sides[i] |= {"scales": places[..., 2], "oris": places[..., 3]}
    masks = [torch.ones(feed[f"keypoints{i}"].shape[:2], dtype=torch.bool) for i in (0, 1)]
    with torch.inference_mode():
        expected = published({"image0": sides[0], "image1": sides[1]})
        found = graph(
            feed["keypoints0"], feed["descriptors0"], masks[0], feed["keypoints1"], feed["descriptors1"], masks[1]
        )
    return list(found), [expected["matches0"], expected["matching_scores0"]]


@pytest.mark.parametrize(
    ("name", "features"), [("aliked_lightglue", "aliked"), ("disk_lightglue", "disk"), ("xfeat_lighterglue", "xfeat")]
)
def test_matches_and_confidences_are_the_published_ones(name: str, features: str) -> None:
    (matches, confidences), expected = both(state(name), features)
    assert torch.equal(matches, expected[0])
    assert (matches >= 0).sum() > 10
    np.testing.assert_allclose(confidences, expected[1], atol=1e-3)


@pytest.mark.parametrize("features", ["superpoint", "sift"])
def test_architectures_without_weights_agree_at_random_ones(features: str) -> None:
    """Untrained confidences are far below the threshold: compared by their size, which is theirs alone."""
    (_, confidences), expected = both(None, features)
    assert (expected[1] > 0).sum() > 3
    np.testing.assert_allclose(confidences, expected[1], rtol=2e-2, atol=1e-8)


def test_a_checkpoint_of_something_else_is_refused() -> None:
    wrong = state("aliked_lightglue")
    del wrong[next(name for name in wrong if name.endswith("to_qk.weight"))]
    with pytest.raises(ArtifactError, match=r"not of LightGlue: 1 names .*to_qk.weight"):
        lightglue.build(wrong, "aliked")
    with pytest.raises(ArtifactError, match="not of LightGlue"):
        lightglue.build({"weight": torch.zeros(1)}, "aliked")
    with pytest.raises(ArtifactError, match="not of LightGlue"):
        lightglue.build(state("aliked_lightglue"), "xfeat")
