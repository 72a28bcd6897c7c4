"""Who is held out: individuals, by the run's seed, from the gallery and from training."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.annotations import AnnotationRow
from service.errors import InputError
from training.evaluation.roles import Kind, Roles
from training.evaluation.split import split_of


def _roles(animals: int, each: int = 3, kind: Kind = "closed", species: int = 1) -> Roles:
    rows, asked = [], []
    for animal in range(animals):
        for photo in range(each):
            name = f"{animal}-{photo}"
            rows.append(AnnotationRow(name, f"id {animal // species}", Path(name), f"beast {animal % species}"))
            asked.append(photo == 0)
    asks = np.array(asked)
    return Roles(kind, tuple(rows), ~asks, ~asks, asks)


@given(animals=st.integers(4, 30), seed=st.integers(0, 5), share=st.sampled_from([0.0, 0.2, 0.5]), keep=st.booleans())
def test_a_split_is_what_its_words_say(animals: int, seed: int, share: float, keep: bool) -> None:
    roles = _roles(animals)
    split = split_of(roles, seed, share=share, learn_held_out=keep)
    held = {
        row.identity for row, code in zip(roles.rows, split.labels.individuals, strict=True) if code in split.held_out
    }
    assert len(held) == round(share * animals)
    named = lambda rows: {roles.rows[i].identity for i in rows}  # noqa: E731
    assert not named(split.enrolled) & held
    assert split.learned.tolist() == [
        i for i, row in enumerate(roles.rows) if roles.learned[i] and (keep or row.identity not in held)
    ]
    assert split.asked.tolist() == np.flatnonzero(roles.asked).tolist()


def test_the_seed_decides_who() -> None:
    roles = _roles(30)
    first, again, other = (split_of(roles, seed).held_out.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_nobody_is_held_out_where_the_strangers_are_given() -> None:
    assert not len(split_of(_roles(10, kind="train_pool"), 0).held_out)


def test_animals_of_two_species_are_two() -> None:
    split = split_of(_roles(6, species=2), 0, share=0)
    assert len(np.unique(split.labels.individuals)) == 6


def test_too_few_individuals_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        split_of(_roles(1, each=2), 0)
    with pytest.raises(InputError, match="share"):
        split_of(_roles(5), 0, share=1.0)
