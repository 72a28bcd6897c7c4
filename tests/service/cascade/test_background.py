"""The background check fires where the place gives the animal away, and only there."""

import numpy as np
import pytest
from place_parts import NAMES, SPECIES, animal, make_state, picture, texture

from service.cascade.background import BackgroundCheck, Names, animal_mask, check_background, leaks, without
from service.cascade.values import Identity, Query, QueryAnnotation


@pytest.fixture(scope="module")
def cascade(tmp_path_factory):
    state = make_state(tmp_path_factory.mktemp("places"))
    yield state.cascade
    state.close()


def ask(cascade, image, mask=None):
    return check_background(Query((QueryAnnotation(image, mask=mask),), SPECIES), cascade)


@pytest.mark.parametrize("mask", [None, animal()], ids=["cut out", "given"])
def test_a_background_copied_from_the_gallery_is_a_leak(cascade, mask):
    found = ask(cascade, picture(0, 0), mask)
    assert found.whole.identity.name == NAMES[0]
    assert found.background.identity.name == NAMES[0]
    assert found.leak
    assert "the place, not the animal" in found.sentence


@pytest.mark.parametrize("mask", [None, animal()], ids=["cut out", "given"])
def test_the_same_animal_at_a_new_place_is_none(cascade, mask):
    found = ask(cascade, picture(0, 77), mask)
    assert found.whole.identity.name == NAMES[0]
    assert found.whole.p_known > 0.5 > found.background.p_known
    assert not found.leak
    assert "names nobody" in found.sentence


def test_a_strangers_place_misleads_and_is_told_apart_from_a_leak(cascade):
    found = ask(cascade, picture(0, 2), animal())
    assert found.background.identity.name == NAMES[2]
    assert not found.leak
    assert NAMES[2] in found.sentence


@pytest.mark.parametrize(("whole", "background", "leak"), [(0.9, 0.8, True), (0.9, 0.6, False), (0.4, 0.4, False)])
def test_a_leak_is_the_same_individual_at_about_the_same_probability(whole, background, leak):
    one, other = Identity("1", "A"), Identity("2", "B")
    assert leaks(Names(one, whole), Names(one, background)) is leak
    assert not leaks(Names(one, whole), Names(other, background))
    assert not leaks(Names(one, whole), Names(None, 0.0))
    assert "nobody's" in BackgroundCheck(Names(one, whole), Names(None, 0.0), 0.3, leak=False).sentence


def test_the_cut_holds_the_animal_and_leaves_background(cascade):
    mask = animal_mask(picture(1, 5))
    assert (mask & animal()).sum() / animal().sum() > 0.95
    assert mask.mean() < 0.75
    np.testing.assert_array_equal(mask, animal_mask(picture(1, 5)))
    flat = np.full((50, 20, 3), 128, np.uint8)
    assert 0.5 < animal_mask(flat).mean() < 0.95


def test_nothing_of_the_animal_is_left_in_the_picture():
    image, mask = picture(3, 3), animal()
    painted = without(image, mask)
    assert np.ptp(painted[mask].reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_array_equal(painted[:10], image[:10])
    np.testing.assert_array_equal(image[mask], texture(3, (170, 110, 60))[mask])
    assert without(image, np.ones_like(mask)).std() < image.std()
