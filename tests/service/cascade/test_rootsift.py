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
