"""The rearranged local networks against the published code, on an image that was not used at export."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from export.networks import aliked, disk, superpoint, xfeat
from export.onnx_parity import published_features
from export.weights import PackageWeights, locate, read_state
from service.cascade.golden import canonical_image

COUNT = 200
Build = Callable[..., tuple[torch.nn.Module, torch.nn.Module]]

NETWORKS = {
    "aliked": (aliked.build, "aliked_n16", 128),
    "aliked-t16": (partial(aliked.build, architecture="aliked-t16"), "aliked_t16", 64),
    "disk": (disk.build, "disk", 128),
    "xfeat": (xfeat.build, "xfeat", 64),
    "superpoint": (superpoint.build, None, 256),
}


def state(name: str | None) -> dict[str, torch.Tensor] | None:
    return None if name is None else read_state(locate(PackageWeights(source="package", name=name), Path()))


def picture(grey: bool = False) -> torch.Tensor:
    """[1 x 3 x 160 x 192] (or one channel): a cutting of the canonical image, nowhere black."""
    cut = np.ascontiguousarray(canonical_image()[100:260, 50:242][:, ::-1])
    colour = torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 255
    return colour.mean(1, keepdim=True) if grey else colour


@pytest.mark.parametrize("name", NETWORKS)
def test_keypoints_and_descriptors_are_the_published_ones(name: str) -> None:
    build, weights, dim = NETWORKS[name]
    torch.manual_seed(5)
    graph, published = build(state(weights), COUNT)
    image = picture(grey=name == "superpoint")
    with torch.inference_mode():
        keypoints, scores, descriptors = graph(image)
        points, theirs = published_features(published, image, COUNT)
    assert (scores > 0).sum() == len(points) > 50
    distance = torch.cdist(torch.from_numpy(points).double(), keypoints[: len(points)].double())
    same = distance.min(1).values < 0.01
    assert same.float().mean() >= 0.99  # equal scores at the end of the budget may go either way
    assert descriptors.shape == (COUNT, dim)
    assert (descriptors[distance.argmin(1)] - torch.from_numpy(theirs))[same].abs().max() < 1e-4
    assert (scores.diff() <= 0).all()


@pytest.mark.parametrize("name", ["aliked", "disk", "xfeat"])
def test_scores_are_the_published_ones(name: str) -> None:
    build, weights, _ = NETWORKS[name]
    graph, published = build(state(weights), COUNT)
    image = picture()
    with torch.inference_mode():
        scores = graph(image)[1]
        if name == "xfeat":
            theirs = published.detectAndCompute(image, top_k=COUNT)[0]["scores"]  # type: ignore[operator]
        elif name == "disk":
            theirs = published(image, n=COUNT)[0].detection_scores
        else:
            theirs = published(image)[0].keypoint_scores
    ordered = theirs.sort(descending=True).values
    assert (scores[: len(ordered)] - ordered).abs().max() < 1e-4


def test_padding_does_not_change_what_xfeat_finds() -> None:
    graph, _ = xfeat.build(state("xfeat"), COUNT)
    image = picture()
    with torch.inference_mode():
        plain, scores, _ = graph(image)
        beside, padded_scores, _ = graph(torch.nn.functional.pad(image, (0, 64, 0, 32)))
    found, padded = plain[scores > 0], beside[padded_scores > 0]
    assert (padded <= torch.tensor([191, 159])).all()
    inner = found[
        (found < torch.tensor([160, 128])).all(1)
    ]  # as far from the padding as the network sees around a keypoint
    assert (torch.cdist(inner.double(), padded.double()).min(1).values < 0.5).float().mean() > 0.9


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_smaller_than_the_budget_gives_rows_that_are_not_real(name: str) -> None:
    build, _, dim = NETWORKS[name]
    graph, _ = build(None, 2000)
    with torch.inference_mode():
        keypoints, scores, descriptors = graph(picture(grey=name == "superpoint")[..., :32, :32])
    assert keypoints.shape == (2000, 2)
    assert descriptors.shape == (2000, dim)
    assert (scores < 0).any()
    assert torch.isfinite(descriptors).all()


def test_a_black_image_has_no_keypoints_and_no_infinities() -> None:
    graph, _ = xfeat.build(state("xfeat"), 50)
    with torch.inference_mode():
        _, scores, descriptors = graph(torch.zeros(1, 3, 64, 64))
    assert (scores < 0).all()
    assert torch.isfinite(descriptors).all()


def test_superpoint_keeps_the_maxima_its_authors_keep() -> None:
    """Greedy suppression, strongest first: what three rounds of pooling find of it is never wrong, and nearly all of it."""
    scores = torch.rand(1, 1, 40, 48, generator=torch.Generator().manual_seed(2))
    kept = {tuple(place) for place in superpoint._maxima(scores)[0, 0].nonzero().tolist()}
    order = [divmod(int(i), 48) for i in scores.flatten().argsort(descending=True)]
    greedy: list[tuple[int, int]] = []
    for row, column in order:
        if all(max(abs(row - r), abs(column - c)) > superpoint.RADIUS for r, c in greedy):
            greedy.append((row, column))
    assert kept <= set(greedy)
    assert len(kept) > 0.8 * len(greedy)
