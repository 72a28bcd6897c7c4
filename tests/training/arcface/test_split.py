"""Whole encounters and whole individuals are held out, never half of one."""

import numpy as np
import pytest

from training.arcface.split import Labels, folds_of, held_out, labels_of


def labels(animals: int = 20, met: int = 4, each: int = 3) -> Labels:
    rows = [(a, e, p) for a in range(animals) for e in range(met if a else 1) for p in range(each)]
    return labels_of(
        [f"a{a}" for a, _, _ in rows], [f"{a}/{e}" for a, e, _ in rows], ["left" if p % 2 else None for *_, p in rows]
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_tenth_is_held_out_in_whole_encounters_of_many_animals(seed):
    known = labels()
    out = held_out(known, seed=seed)
    assert 0.1 <= out.mean() < 0.12
    for met in np.unique(known.encounters):
        assert out[known.encounters == met].all() or not out[known.encounters == met].any()
    who = known.individuals[out]
    assert len(np.unique(who)) == out.sum() / 3, "one encounter each before anyone gives a second"
    assert not out[known.individuals == known.individuals[0]].any(), "an animal met once stays"
    np.testing.assert_array_equal(out, held_out(known, seed=seed))


def test_every_animal_keeps_an_encounter_however_much_is_asked():
    known = labels()
    out = held_out(known, share=0.99)
    assert set(known.individuals[~out]) == set(known.individuals)


def test_where_all_were_met_once_nothing_is_held_out():
    assert not held_out(labels(met=1)).any()


def test_folds_keep_groups_whole_and_equal():
    groups = np.repeat(np.arange(23), 4)
    fold = folds_of(groups, 5)
    assert all(len(np.unique(fold[groups == group])) == 1 for group in range(23))
    sizes = np.bincount(fold) // 4
    assert sizes.max() - sizes.min() <= 1


def test_flanks_are_classes_and_a_photo_without_encounter_is_its_own():
    known = labels_of(["x", "x", "x", "y"], [None, None, "e", "e"], ["left", "right", "front", None])
    assert len(np.unique(known.classes)) == 4
    assert known.classes[2] != known.classes[0]
    assert len(np.unique(known.encounters)) == 3
