"""Keypoints off the animal are dropped, whole rows at a time, and nothing else is touched."""

import numpy as np
import pytest

from service.cascade.keypoint_mask import chosen, on_mask
from service.cascade.oriented import OrientedFeatures
from service.cascade.values import LocalFeatures
from service.errors import InputError

PLACES = np.array([[0, 0], [3.4, 1.6], [7.4, 3.4], [-0.5, 3.5], [7.5, -0.5]], np.float32)
SIZE = (8, 4)


def features() -> LocalFeatures:
    return LocalFeatures(PLACES, np.eye(5, dtype=np.float32), np.arange(5, 0, -1).astype(np.float32), SIZE)


def test_a_keypoint_stays_where_its_nearest_pixel_is_on_the_mask() -> None:
    mask = np.zeros((4, 8), bool)
    mask[2, 3] = mask[3, 7] = mask[3, 0] = True
    kept = on_mask(features(), mask)
    np.testing.assert_array_equal(kept.keypoints, PLACES[[1, 2, 3]])
    np.testing.assert_array_equal(kept.descriptors, np.eye(5)[[1, 2, 3]])
    np.testing.assert_array_equal(kept.scores, [4, 3, 2])
    assert kept.size_px == SIZE


def test_all_none_and_no_keypoints() -> None:
    assert len(on_mask(features(), np.ones((4, 8), bool))) == 5
    nothing = on_mask(features(), np.zeros((4, 8), bool))
    assert nothing.descriptors.shape == (0, 5)
    assert len(on_mask(nothing, np.ones((4, 8), bool))) == 0


@pytest.mark.parametrize("shape", [(8, 4), (4, 9), (4, 8, 3)])
def test_a_mask_of_another_crop_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"the crop 4 x 8 pixels") as caught:
        on_mask(features(), np.ones(shape, bool))
    assert caught.value.where == "mask"


def test_scale_and_orientation_stay_with_their_keypoint() -> None:
    plain = features()
    oriented = OrientedFeatures(
        plain.keypoints, plain.descriptors, plain.scores, plain.size_px, np.arange(10, dtype=np.float32).reshape(5, 2)
    )
    mask = np.zeros((4, 8), bool)
    mask[2:, :] = True
    assert on_mask(oriented, mask).frames.tolist() == [[2, 3], [4, 5], [6, 7]]
    assert chosen(oriented, np.array([4, 0])).frames.tolist() == [[8, 9], [0, 1]]
