"""Varied photos: the same for the same seed, within the recipe's bounds; and no mirror where flanks differ."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.annotations import AnnotationRow
from service.errors import InputError
from training.arcface.augment import varied
from training.arcface.masks import read_mask
from training.arcface.recipe import RECIPES, Recipe, recipe_for

PLAIN = Recipe(name="nothing", crop=1.0, jitter=0.0, dropout=0.0)


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    """Every pixel its own colour: red says the row, green the column."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, np.full_like(rows, 7)], 2).astype(np.uint8)


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_gives_the_same_photo_and_another_another(name):
    one, again, other = (varied(photo(), RECIPES[name], seed=seed, orientation="left") for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or (one != other).any()
    assert one.dtype == np.uint8 and one.shape[2] == 3


def test_a_crop_keeps_the_stated_share_and_about_the_shape():
    for seed in range(40):
        height, width, _ = varied(photo(), PLAIN.model_copy(update={"crop": 0.9}), seed=seed).shape
        assert height * width >= 0.85 * 60 * 90  # rounding, and shapes cut at the border
        assert 1.2 < width / height < 1.8


def test_only_a_recipe_that_flips_mirrors():
    def mirrored(recipe: Recipe) -> set[bool]:
        return {bool(out[0, 0, 1] > out[0, -1, 1]) for out in (varied(photo(), recipe, seed=s) for s in range(12))}

    assert mirrored(PLAIN) == {False}
    assert mirrored(PLAIN.model_copy(update={"flip": True})) == {False, True}


def test_upright_turns_the_head_up():
    """The animal's head, at the right border, comes to the top."""
    recipe = PLAIN.model_copy(update={"upright": True})
    image = photo(60, 60)
    image[:, -5:] = 255
    found = [varied(image, recipe, seed=seed, orientation="right") for seed in range(12)]
    turned = [out for out in found if (out[:5] == 255).all()]
    same = [out for out in found if (out[:, -5:] == 255).all()]
    assert turned and same and len(turned) + len(same) == 12
    assert all((varied(image, recipe, seed=seed, orientation="top") == image).all() for seed in range(12))


def test_a_mask_hides_the_background_only():
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:60] = True
    recipe = PLAIN.model_copy(update={"hide_background": True})
    found = [varied(photo(), recipe, seed=seed, mask=mask) for seed in range(12)]
    hidden = [out for out in found if len(np.unique(out[~mask])) == 1]
    assert 0 < len(hidden) < 12
    assert all((out[mask] == photo()[mask]).all() for out in found)


def test_one_rectangle_of_at_most_a_tenth_is_dropped():
    recipe = PLAIN.model_copy(update={"dropout": 0.1})
    lost = [float((varied(photo() + 1, recipe, seed=seed) == 0).all(2).mean()) for seed in range(30)]
    assert max(lost) <= 0.11 and min(lost) == 0.0 < max(lost)


def test_a_recipe_that_mirrors_is_refused_where_flanks_differ():
    row = AnnotationRow("1", "a", Path("1.jpg"), "nyala", viewpoint="left")
    with pytest.raises(InputError, match="turtle mirrors photos"):
        recipe_for("turtle", [row])
    assert recipe_for("turtle", [AnnotationRow("1", "a", Path("1.jpg"), "turtle", viewpoint="top")]).flip
    with pytest.raises(InputError, match="no recipe is called 'okapi'"):
        recipe_for("okapi", [])
    assert (RECIPES["lynx"].s, RECIPES["lynx"].m, RECIPES["salamander"].s, RECIPES["salamander"].m) == (
        64,
        0.5,
        30,
        0.35,
    )


def test_masks_are_found_by_image_id_and_must_fit(tmp_path):
    row = AnnotationRow("im1", "a", tmp_path / "1.jpg", "lynx", box=(10, 10, 30, 20))
    assert read_mask(tmp_path, row, photo(20, 30)) is None
    whole = np.zeros((60, 90), np.uint8)
    whole[10:20, 10:40] = 255
    Image.fromarray(whole).save(tmp_path / "im1.png")
    found = read_mask(tmp_path, row, photo(20, 30))
    assert found is not None and found[:10].all() and not found[10:].any()
    with pytest.raises(InputError, match=r"im1\.png is 30 x 20, its photo 20 x 30"):
        read_mask(tmp_path, row, photo(30, 20))
