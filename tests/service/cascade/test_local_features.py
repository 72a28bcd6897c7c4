"""Local features in pixels of the crop: padding left out, sorted, nothing for a flat image."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.artifacts.bundle import LocalSpec
from service.cascade.golden import canonical_image
from service.cascade.local_features import LocalExtractor
from service.cascade.models import Models
from service.cascade.preprocess import PreprocessSpec
from service.cascade.values import U8

DIMS = {"aliked": 128, "disk": 128, "xfeat": 64, "rootsift": 128}
NAMES = list(DIMS)


class Graph:
    """Four keypoints: weak, in the padding, strong, and one that is not real."""

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        assert feed["image"].shape == (1, 3, 64, 128)
        keypoints = np.array([[10, 20], [50, 63], [127, 47], [0, 0]], np.float32)
        return [keypoints, np.array([0.2, 0.9, 0.5, -1], np.float32), np.eye(4, dtype=np.float32)]


def extractor(keypoints: int = 16) -> LocalExtractor:
    preprocess = PreprocessSpec(size_px=128, resize="long_side", multiple_of=32)
    return LocalExtractor(
        Graph(), LocalSpec(name="l", licence="MIT", source="t", preprocess=preprocess, dim=4, keypoints=keypoints)
    )


def test_padding_and_unreal_keypoints_are_dropped_and_the_rest_is_sorted() -> None:
    features = extractor().extract(
        np.zeros((96, 256, 3), np.uint8)
    )  # shown to the network as 128 x 48, padded to 128 x 64
    np.testing.assert_allclose(features.scores, [0.5, 0.2])
    np.testing.assert_allclose(
        features.keypoints, [[127.5 * 2 - 0.5, 47.5 * 2 - 0.5], [10.5 * 2 - 0.5, 20.5 * 2 - 0.5]]
    )
    np.testing.assert_array_equal(features.descriptors, np.eye(4)[[2, 0]])
    assert features.size_px == (256, 96)


def test_keypoints_off_the_animal_are_dropped() -> None:
    mask = np.zeros((96, 256), bool)
    mask[:, :128] = True  # the strong one lies at 254.5
    features = extractor().extract(np.zeros((96, 256, 3), np.uint8), mask)
    np.testing.assert_allclose(features.scores, [0.2])
    np.testing.assert_array_equal(features.descriptors, np.eye(4)[[0]])


@pytest.mark.parametrize("name", NAMES)
def test_features_follow_the_image_when_it_is_enlarged(models: Models, name: str) -> None:
    small = canonical_image()
    large = np.asarray(Image.fromarray(small).resize((768, 576), Image.Resampling.BILINEAR))
    a, b = models.locals[name].extract(small), models.locals[name].extract(large)
    assert a.size_px == (384, 288)
    assert b.size_px == (768, 576)
    nearest = (a.descriptors @ b.descriptors.T).argmax(1)
    error = np.linalg.norm(b.keypoints[nearest] - ((a.keypoints + 0.5) * 2 - 0.5), axis=1)
    assert np.median(error) <= 2.0


@pytest.mark.parametrize("name", NAMES)
def test_what_every_extractor_promises(models: Models, name: str) -> None:
    extract = models.locals[name]
    features = extract.extract(canonical_image())
    assert 100 < len(features) <= extract.spec.keypoints
    assert features.descriptors.shape == (len(features), DIMS[name])
    assert {features.keypoints.dtype, features.descriptors.dtype, features.scores.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    assert (np.diff(features.scores) <= 0).all()
    assert (features.keypoints >= -0.5).all()
    assert (features.keypoints <= np.array(features.size_px) - 0.5).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "image",
    [np.zeros((60, 80, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8), np.full((3, 400, 3), 99, np.uint8)],
    ids=["black", "one pixel", "a strip"],
)
def test_a_flat_image_has_few_or_no_features_and_is_no_error(models: Models, name: str, image: U8) -> None:
    features = models.locals[name].extract(image)
    assert len(features) < 60
    assert features.keypoints.shape == (len(features), 2)
    assert features.descriptors.shape == (len(features), DIMS[name])


def test_the_edge_of_the_padding_spends_no_keypoints(models: Models) -> None:
    """512 x 400 pads to 512 x 416: without a mask the white-black edge would take many of the keypoints."""
    image = np.full((400, 512, 3), 255, np.uint8)
    image[100:300, 100:400] = canonical_image()[:200, :300]
    for name in ("aliked", "disk"):
        found = models.locals[name].extract(image).keypoints
        assert (found[:, 1] < 390).mean() > 0.97
