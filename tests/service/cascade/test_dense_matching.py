"""Points of a pair in pixels of the two photos: padding left out, pairs in order, batches of any length."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.artifacts.bundle import DenseMatcherSpec
from service.cascade.dense_matching import DenseMatcher
from service.cascade.preprocess import PreprocessSpec

SPEC = DenseMatcherSpec(
    name="dense",
    licence="MIT",
    source="test",
    preprocess=PreprocessSpec(size_px=64, resize="long_side", multiple_of=64, grey=True),
    matches=4,
)


class Graph:
    """Four places for each pair: good, in the padding of the second photo, no match, and good; sure as the first photo is bright."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        pairs = len(feed["image0"])
        assert feed["image0"].shape == feed["image1"].shape == (pairs, 1, 64, 64)
        self.batches.append(pairs)
        first = np.tile(np.array([[10, 20], [30, 10], [5, 5], [63, 31]], np.float32), (pairs, 1, 1))
        second = np.tile(np.array([[10, 20], [10, 40], [5, 5], [0, 15]], np.float32), (pairs, 1, 1))
        brightness = feed["image0"].max((1, 2, 3))[:, None]
        return [first, second, brightness * np.array([[0.9, 0.8, 0.0, 0.3]], np.float32)]


def photo(height: int, width: int, value: int = 255) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def test_places_are_pixels_of_each_photo_and_the_padding_has_none() -> None:
    [found] = DenseMatcher(Graph(), SPEC).match([(photo(64, 128), photo(32, 64))])  # 64 x 32 in the square, both
    assert len(found) == 2
    np.testing.assert_allclose(found.first, [[20.5, 40.5], [126.5, 62.5]])
    np.testing.assert_allclose(found.second, [[10, 20], [0, 15]])
    np.testing.assert_allclose(found.confidences, [0.9, 0.3], rtol=1e-6)


def test_many_pairs_come_back_in_order() -> None:
    graph = Graph()
    values = [250, 200, 150, 100, 50, 25]
    found = DenseMatcher(graph, SPEC).match([(photo(64, 64, value), photo(64, 64)) for value in values])
    np.testing.assert_allclose([one.confidences[0] for one in found], np.array(values) / 255 * 0.9, rtol=1e-5)
    assert graph.batches == [4, 2]


def test_no_pairs_and_a_black_photo() -> None:
    assert DenseMatcher(Graph(), SPEC).match([]) == []
    [found] = DenseMatcher(Graph(), SPEC).match([(photo(64, 64, 0), photo(64, 64))])
    assert found.first.shape == found.second.shape == (0, 2)
