"""Models.extract: every embedding, the chosen local features, row by row."""

import numpy as np
import pytest

from service.cascade.golden import canonical_image
from service.cascade.models import Models
from service.errors import InputError


def test_extract_gives_what_each_model_gives(models: Models) -> None:
    image = canonical_image()
    views = [image, np.ascontiguousarray(image[::-1])]
    both = models.extract(views, locals=["rootsift"])
    assert [set(features.local) for features in both] == [{"rootsift"}] * 2
    for view, features in zip(views, both, strict=True):
        assert set(features.embeddings) == set(models.embedders)
        for name, embedder in models.embedders.items():
            np.testing.assert_allclose(features.embeddings[name], embedder.embed([view])[0], atol=1e-4)
        np.testing.assert_array_equal(
            features.local["rootsift"].keypoints, models.locals["rootsift"].extract(view).keypoints
        )


def test_all_locals_by_default_none_on_request_and_an_unknown_one_is_an_error(models: Models) -> None:
    image = canonical_image()[:64, :64]
    assert set(models.extract([image])[0].local) == set(models.locals)
    assert models.extract([image], locals=[])[0].local == {}
    assert models.extract([]) == []
    with pytest.raises(KeyError):
        models.extract([image], locals=["superpoint"])


def test_a_mask_belongs_to_its_image_and_only_local_features_see_it(models: Models) -> None:
    image = canonical_image()
    mask = np.zeros(image.shape[:2], bool)
    mask[:150] = True
    plain, masked = models.extract([image, image], locals=["rootsift"], masks=[None, mask])
    assert plain.local["rootsift"].keypoints[:, 1].max() > 200
    assert masked.local["rootsift"].keypoints[:, 1].max() <= 149.5
    for name in models.embedders:
        np.testing.assert_array_equal(plain.embeddings[name], masked.embeddings[name])
    with pytest.raises(InputError, match="the mask is 10 x 10"):
        models.extract([image], locals=["rootsift"], masks=[mask[:10, :10]])
