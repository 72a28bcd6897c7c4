"""The canonical image never changes, and golden values notice a model that does."""

import hashlib

import numpy as np
import pytest

from service.cascade import golden
from service.cascade.values import LocalFeatures


def test_the_canonical_image_is_frozen() -> None:
    image = golden.canonical_image()
    assert image.shape == (288, 384, 3)
    assert image.dtype == np.uint8
    assert (
        hashlib.sha256(image.tobytes()).hexdigest()
        == "83046d9b8f62c24d4d60b8ce14c93513e8bbd0d39a525afceedbf19e17613166"
    )


def test_an_embedding_that_turns_slightly_no_longer_agrees() -> None:
    vector = np.random.default_rng(0).normal(size=1280).astype(np.float32)
    vector /= np.linalg.norm(vector)
    turned = vector + 0.01 * np.roll(vector, 1)
    turned /= np.linalg.norm(turned)
    stated = golden.of_embedding(vector)
    assert golden.agree(golden.of_embedding(vector), stated)
    assert not golden.agree(golden.of_embedding(turned), stated)


def test_values_of_a_sparse_embedding_are_not_zeros() -> None:
    sparse = np.zeros(1280, np.float32)
    sparse[1000:1010] = 10**-0.5
    assert np.abs(golden.of_embedding(sparse)).max() > 0.1


def test_one_keypoint_less_still_agrees_but_a_shift_does_not() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 300, (512, 2)).astype(np.float32)
    descriptors = rng.normal(size=(512, 128)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)

    def features(kept: int, shift: float = 0.0) -> LocalFeatures:
        return LocalFeatures(points[:kept] + shift, descriptors[:kept], np.ones(kept, np.float32), (384, 288))

    stated = golden.of_local(features(512))
    assert golden.agree(golden.of_local(features(511)), stated)
    assert not golden.agree(golden.of_local(features(512, shift=1.0)), stated)
    assert golden.of_local(features(0)) == (0.0,) * 8


@pytest.mark.parametrize(("actual", "stated"), [((), ()), ((1.0,), ()), ((1.0, 2.0), (1.0,))])
def test_missing_values_never_agree(actual: tuple[float, ...], stated: tuple[float, ...]) -> None:
    assert not golden.agree(actual, stated)
