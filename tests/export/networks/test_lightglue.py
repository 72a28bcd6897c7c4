"""The rearranged LightGlue against the published code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.networks import lightglue
from export.onnx_models import example_pair
from export.weights import PackageWeights, locate, read_state
from service.errors import ArtifactError


@pytest.mark.parametrize("name", ["aliked_lightglue", "disk_lightglue"])
def test_matches_and_confidences_are_the_published_ones(name: str) -> None:
    graph, published = lightglue.build(read_state(locate(PackageWeights(source="package", name=name), Path())), 128)
    feed = {key: torch.from_numpy(value) for key, value in example_pair(90).items()}
    sides = [
        {
            "keypoints": feed[f"keypoints{i}"] + 1,
            "descriptors": feed[f"descriptors{i}"],
            "image_size": torch.full((1, 2), 2.0),
        }
        for i in (0, 1)
    ]
    masks = [torch.ones(feed[f"keypoints{i}"].shape[:2], dtype=torch.bool) for i in (0, 1)]
    with torch.inference_mode():
        expected = published({"image0": sides[0], "image1": sides[1]})
        matches, confidences = graph(
            feed["keypoints0"], feed["descriptors0"], masks[0], feed["keypoints1"], feed["descriptors1"], masks[1]
        )
    assert torch.equal(matches, expected["matches0"])
    assert (matches >= 0).sum() > 10
    np.testing.assert_allclose(confidences, expected["matching_scores0"], atol=1e-3)


def test_a_checkpoint_of_something_else_is_refused() -> None:
    state = read_state(locate(PackageWeights(source="package", name="aliked_lightglue"), Path()))
    assert state is not None
    del state[next(name for name in state if name.endswith("to_qk.weight"))]
    with pytest.raises(ArtifactError, match=r"not of LightGlue: 1 names .*to_qk.weight"):
        lightglue.build(state, 128)
    with pytest.raises(ArtifactError, match="not of LightGlue"):
        lightglue.build({"weight": torch.zeros(1)}, 128)
