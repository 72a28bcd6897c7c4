"""RootSIFT against its definition."""

import cv2
import numpy as np

from service.artifacts.bundle import LocalSpec
from service.cascade.golden import canonical_image
from service.cascade.preprocess import PreprocessSpec
from service.cascade.rootsift import RootSift


def spec(keypoints: int = 64, size_px: int = 384) -> LocalSpec:
    preprocess = PreprocessSpec(size_px=size_px, resize="long_side", grey=True)
    return LocalSpec(
        name="rootsift",
        kind="rootsift",
        licence="Apache-2.0",
        source="t",
        preprocess=preprocess,
        dim=128,
        keypoints=keypoints,
    )


def test_descriptors_are_square_roots_of_shares() -> None:
    features = RootSift(spec()).extract(canonical_image())
    assert len(features) == 64
    np.testing.assert_allclose((features.descriptors.astype(np.float64) ** 2).sum(1), 1, atol=1e-4)
    assert features.descriptors.min() >= 0


def test_at_native_size_keypoints_are_opencv_s() -> None:
    image = canonical_image()
    from PIL import Image

    grey = np.asarray(Image.fromarray(image).convert("L"))
    points = cv2.SIFT.create(nfeatures=64).detect(grey, None)
    wanted = {(round(p.pt[0], 2), round(p.pt[1], 2)) for p in points}
    found = {(round(float(x), 2), round(float(y), 2)) for x, y in RootSift(spec()).extract(image).keypoints}
    assert len(found & wanted) >= 0.95 * len(found)


def test_strongest_first_and_never_more_than_asked() -> None:
    many, few = (RootSift(spec(keypoints=n)).extract(canonical_image()) for n in (256, 32))
    assert len(few) == 32
    np.testing.assert_allclose(few.scores[:20], many.scores[:20], rtol=1e-5)


def test_scale_and_orientation_follow_the_picture() -> None:
    """Turned by a quarter the orientations turn too; the scale is Lowe's sigma, half of OpenCV's diameter."""
    image = canonical_image()[:, 48:336]  # 288 x 288
    upright = RootSift(spec(size_px=288)).extract(np.ascontiguousarray(image))
    turned = RootSift(spec(size_px=288)).extract(np.ascontiguousarray(np.rot90(image, -1)))
    assert upright.frames.shape == (len(upright), 2)
    assert (upright.frames[:, 0] > 0.5).all()
    assert (np.abs(upright.frames[:, 1]) <= np.pi + 1e-6).all()
    partner = (upright.descriptors @ turned.descriptors.T).argmax(1)
    x, y = upright.keypoints.T
    same = np.linalg.norm(turned.keypoints[partner] - np.stack([287 - y, x], 1), axis=1) < 1
    assert same.sum() > 25
    turn = (turned.frames[partner, 1] - upright.frames[:, 1])[same] / (np.pi / 2) % 4
    assert np.median(np.abs(turn - 1)) < 0.05
    np.testing.assert_allclose(np.median(turned.frames[partner, 0][same] / upright.frames[same, 0]), 1, atol=0.02)


def test_with_a_mask_the_budget_is_spent_on_the_animal() -> None:
    image = canonical_image()
    mask = np.zeros(image.shape[:2], bool)
    mask[:, 200:] = True
    whole, animal = (RootSift(spec(keypoints=48)).extract(image, one) for one in (None, mask))
    on_it = whole.keypoints[:, 0] >= 199.5
    assert 0 < on_it.sum() < 48
    assert len(animal) == 48
    assert (animal.keypoints[:, 0] >= 199.5).all()
    np.testing.assert_allclose(animal.scores[: on_it.sum()], whole.scores[on_it], rtol=1e-6)
    assert len(RootSift(spec()).extract(image, np.zeros_like(mask))) == 0
