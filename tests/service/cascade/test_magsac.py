"""RootSIFT's matcher keeps what one affine map explains, on made-up points and on a turned picture."""

import cv2
import numpy as np
import pytest

from service.artifacts.bundle import LocalSpec
from service.cascade.golden import canonical_image
from service.cascade.magsac import magsac_matches
from service.cascade.matching import ratio_matches
from service.cascade.preprocess import PreprocessSpec
from service.cascade.rootsift import RootSift
from service.cascade.values import F32, LocalFeatures

SIZE = (400, 300)
MAP = np.array([[0.9, -0.2, 30], [0.15, 1.1, -10]], np.float32)


def features(places: F32, descriptors: F32) -> LocalFeatures:
    return LocalFeatures(places, descriptors, np.ones(len(places), np.float32), SIZE)


def pair(right: int, wrong: int, seed: int = 0) -> tuple[LocalFeatures, LocalFeatures]:
    """`right` points under MAP and a pixel of noise, then `wrong` ones anywhere; descriptors match one to one."""
    rng = np.random.default_rng(seed)
    count = right + wrong
    raw = rng.normal(size=(count, 64)).astype(np.float32)
    descriptors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    source = rng.uniform(20, 280, (count, 2)).astype(np.float32)
    target = source @ MAP[:, :2].T + MAP[:, 2] + rng.normal(scale=1, size=(count, 2))
    target[right:] = rng.uniform(0, 300, (wrong, 2))
    return features(source, descriptors), features(np.asarray(target, np.float32), descriptors)


@pytest.mark.parametrize("seed", range(5))
def test_the_map_s_own_points_stay_and_chance_ones_go(seed: int) -> None:
    a, b = pair(30, 50, seed)
    assert len(ratio_matches(a.descriptors, b.descriptors)) == 80
    kept = magsac_matches(a, b)
    rows = kept.indices[:, 0]
    assert (rows < 30).sum() == 30
    assert (rows >= 30).sum() <= 4  # some land near their place by chance
    np.testing.assert_array_equal(kept.indices[:, 0], kept.indices[:, 1])
    assert (kept.confidences > 0.2).all()


def test_the_same_answer_every_time() -> None:
    a, b = pair(12, 60)
    first = magsac_matches(a, b)
    for _ in range(5):
        np.testing.assert_array_equal(magsac_matches(a, b).indices, first.indices)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_agree_on_nothing(count: int) -> None:
    assert len(magsac_matches(*pair(count, 0))) == 0


def test_points_on_one_spot_are_no_map_and_no_error() -> None:
    a, b = pair(20, 0)
    same = np.full_like(b.keypoints, 50)
    assert len(magsac_matches(a, features(same, b.descriptors))) == 0
    assert len(magsac_matches(features(np.full_like(a.keypoints, 9), a.descriptors), b)) == 0


def test_a_turned_and_shrunk_picture_is_found_again() -> None:
    spec = LocalSpec(
        name="rootsift",
        kind="rootsift",
        licence="Apache-2.0",
        source="t",
        preprocess=PreprocessSpec(size_px=384, resize="long_side", grey=True),
        dim=128,
        keypoints=256,
    )
    image = canonical_image()
    turn = cv2.getRotationMatrix2D((192, 144), 20, 0.8)
    turned = np.asarray(cv2.warpAffine(image, turn, (384, 288)), np.uint8)
    a, b = (RootSift(spec).extract(one) for one in (image, turned))
    kept = magsac_matches(a, b)
    where = a.keypoints[kept.indices[:, 0]] @ turn[:, :2].T + turn[:, 2]
    assert len(kept) > 40
    assert np.median(np.linalg.norm(where - b.keypoints[kept.indices[:, 1]], axis=1)) < 1.5
