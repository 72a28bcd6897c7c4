"""The rearranged ALIKED and DISK against the published code, on an image that was not used at export."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from export.networks import aliked, disk
from export.weights import PackageWeights, locate, read_state
from service.cascade.golden import canonical_image

COUNT = 200


def state(name: str) -> dict[str, torch.Tensor]:
    found = read_state(locate(PackageWeights(source="package", name=name), Path()))
    assert found is not None
    return found


def picture() -> torch.Tensor:
    """[1 x 3 x 160 x 192]: a cutting of the canonical image, nowhere black."""
    cut = np.ascontiguousarray(canonical_image()[100:260, 50:242][:, ::-1])
    return torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(
    ("build", "name"), [(aliked.build, "aliked_n16"), (disk.build, "disk")], ids=["aliked", "disk"]
)
def test_keypoints_scores_and_descriptors_are_the_published_ones(
    build: Callable[..., tuple[torch.nn.Module, torch.nn.Module]], name: str
) -> None:
    graph, published = build(state(name), COUNT)
    image = picture()
    with torch.inference_mode():
        keypoints, scores, descriptors = graph(image)
        if name == "disk":
            found = published(image, n=COUNT)[0]
            theirs = found.detection_scores
        else:
            found = published(image)[0]
            theirs = found.keypoint_scores
    count = len(found.keypoints)
    assert (scores > 0).sum() == count > 50
    distance = torch.cdist(keypoints[:count].double(), found.keypoints.double())
    nearest = distance.argmin(1)
    assert distance.min(1).values.max() < 0.01
    assert (descriptors[:count] - found.descriptors[nearest]).abs().max() < 1e-4
    assert (scores[:count] - theirs[nearest]).abs().max() < 1e-4
    assert (scores.diff() <= 0).all()


@pytest.mark.parametrize("build", [aliked.build, disk.build], ids=["aliked", "disk"])
def test_an_image_smaller_than_the_budget_gives_rows_that_are_not_real(
    build: Callable[..., tuple[torch.nn.Module, torch.nn.Module]],
) -> None:
    graph, _ = build(None, 2000)
    with torch.inference_mode():
        keypoints, scores, descriptors = graph(picture()[..., :32, :32])
    assert keypoints.shape == (2000, 2)
    assert descriptors.shape == (2000, 128)
    assert (scores < 0).any()
    assert torch.isfinite(descriptors).all()
