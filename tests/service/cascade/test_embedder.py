"""Embeddings: right shape, unit length, the same alone and in a batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.artifacts.bundle import EmbedderSpec
from service.cascade.embedder import MICRO_BATCH, Embedder
from service.cascade.golden import canonical_image
from service.cascade.models import Models
from service.cascade.preprocess import PreprocessSpec
from service.errors import ArtifactError


class FixedSession:
    """A network that answers with the mean colour of each image, or what it is told."""

    def __init__(self, answer: NDArray[Any] | None = None) -> None:
        self.answer = answer
        self.batches: list[int] = []

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.batches.append(len(feed["image"]))
        return [feed["image"].mean((2, 3)) if self.answer is None else self.answer]


def spec(dim: int = 3, **preprocess: Any) -> EmbedderSpec:
    return EmbedderSpec(
        name="e", licence="MIT", source="test", dim=dim, preprocess=PreprocessSpec(size_px=16, **preprocess)
    )


def test_rows_follow_the_images_over_micro_batches() -> None:
    session = FixedSession()
    images = [np.full((20 + i, 30, 3), (i, 255 - i, 1), np.uint8) for i in range(2 * MICRO_BATCH + 3)]
    rows = Embedder(session, spec()).embed(images)
    assert session.batches == [MICRO_BATCH, MICRO_BATCH, 3]
    expected = np.array([[i, 255 - i, 1] for i in range(len(images))], np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_no_images_give_no_rows() -> None:
    rows = Embedder(FixedSession(), spec()).embed([])
    assert rows.shape == (0, 3)
    assert rows.dtype == np.float32


def test_a_black_image_gives_zeros_not_nan() -> None:
    assert not Embedder(FixedSession(), spec()).embed([np.zeros((9, 9, 3), np.uint8)]).any()


@pytest.mark.parametrize(("answer", "word"), [(np.ones((1, 4)), "states 3"), (np.full((1, 3), np.nan), "not finite")])
def test_a_network_that_breaks_its_word_is_named(answer: NDArray[Any], word: str) -> None:
    with pytest.raises(ArtifactError, match=f"embedder e .*{word}"):
        Embedder(FixedSession(answer), spec()).embed([np.zeros((9, 9, 3), np.uint8)])


def test_images_of_many_sizes_cannot_be_one_batch() -> None:
    with pytest.raises(ArtifactError, match="must be squash"):
        Embedder(FixedSession(), spec(resize="long_side"))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "dinov2_s"])
def test_real_backbones_tell_images_apart_and_batching_changes_nothing(models: Models, name: str) -> None:
    image = canonical_image()
    views = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[20:120, 30:90])]
    embedder = models.embedders[name]
    batched = embedder.embed(views)
    alone = np.concatenate([embedder.embed([view]) for view in views])
    assert batched.shape == (3, embedder.spec.dim)
    np.testing.assert_allclose(np.linalg.norm(batched, axis=1), 1, atol=1e-5)
    assert ((batched * alone).sum(1) > 0.9999).all()
    assert batched[0] @ batched[1] > batched[0] @ batched[2]  # the mirror image is nearer than a small cutting
