"""No encounter is on both sides of a fold; for the pairwise booster no individual either."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.fit.booster_folds import FOLDS, encounter_codes, folds_by_encounter, folds_by_individual
from service.errors import InputError

photos = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14)), min_size=4, max_size=60)


def columns(listed):
    return np.asarray([who for who, _ in listed]), [f"e{met}" if met else "" for _, met in listed]


@settings(max_examples=150, deadline=None)
@given(photos)
def test_a_gates_folds_split_no_encounter_and_judge_no_unknown_animal(listed):
    individuals, encounters = columns(listed)
    try:
        folds = folds_by_encounter(individuals, encounters)
    except InputError:
        return
    met = encounter_codes(encounters)
    judged = np.concatenate([outside for _, outside in folds])
    assert len(np.unique(judged)) == len(judged)
    for inside, outside in folds:
        assert not set(met[inside]) & set(met[outside])
        assert set(individuals[outside]) <= set(individuals[inside])


@settings(max_examples=150, deadline=None)
@given(photos)
def test_a_pairwise_boosters_folds_split_neither_individual_nor_encounter(listed):
    individuals, encounters = columns(listed)
    try:
        folds = folds_by_individual(individuals, encounters)
    except InputError:
        return
    met = encounter_codes(encounters)
    assert sorted(np.concatenate([outside for _, outside in folds])) == list(range(len(listed)))
    for inside, outside in folds:
        assert not set(met[inside]) & set(met[outside])
        assert not set(individuals[inside]) & set(individuals[outside])


def test_every_animal_met_twice_is_judged():
    individuals = np.repeat(np.arange(30), 4)
    encounters = [f"e{i // 2}" for i in range(120)]  # two encounters each
    judged = np.concatenate([outside for _, outside in folds_by_encounter(individuals, encounters)])
    assert len(judged) == 120
    lone = [f"e{i // 4}" for i in range(40)] + encounters[40:]
    judged = np.concatenate([outside for _, outside in folds_by_encounter(individuals, lone)])
    assert set(individuals[judged]) == set(range(10, 30))


def test_what_cannot_be_split_is_refused_in_one_line():
    with pytest.raises(InputError, match="no individual has photos of two encounters"):
        folds_by_encounter(np.arange(10), [f"e{i}" for i in range(10)])
    with pytest.raises(InputError, match="its 5 individuals make 1 group"):
        folds_by_individual(np.arange(5), ["herd"] * 5)
    assert len(folds_by_individual(np.arange(5), [""] * 5)) == FOLDS
