from dataclasses import replace

import numpy as np
import pytest

from export.synthetic.coat import grow_coat
from export.synthetic.species import SPECIES

KINDS = ("spots", "stripes", "blotches")


@pytest.fixture(scope="module")
def coats():
    return {
        kind: [grow_coat(SPECIES[kind].kinetics, np.random.default_rng([11, animal])) for animal in range(3)]
        for kind in KINDS
    }


def agreement(a, b):
    return np.corrcoef(a.astype(float).ravel(), b.astype(float).ravel())[0, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_coats_are_two_toned_and_neither_bare_nor_full(coats, kind):
    for coat in coats[kind]:
        for flank in (coat.left, coat.right):
            assert flank.shape == (384, 480)
            assert flank.dtype == np.uint8
            assert 0.04 < (flank > 127).mean() < 0.75


@pytest.mark.parametrize("kind", KINDS)
def test_flanks_and_individuals_differ(coats, kind):
    flanks = [flank for coat in coats[kind] for flank in (coat.left, coat.right)]
    assert all(abs(agreement(a, b)) < 0.5 for i, a in enumerate(flanks) for b in flanks[:i])


def test_flanks_meet_at_the_spine(coats):
    for coat in coats["stripes"]:
        assert agreement(coat.left[0], coat.right[-1]) < 0.9  # spine against hoof: unrelated places
        spine = np.abs(coat.left[0].astype(int) - coat.right[0].astype(int)).mean()
        elsewhere = np.abs(coat.left[0].astype(int) - coat.right[190].astype(int)).mean()
        assert spine < elsewhere / 2


def test_stripes_run_across_the_body(coats):
    for coat in coats["stripes"]:
        marks = coat.left.astype(int)
        assert np.abs(np.diff(marks, axis=1)).mean() > np.abs(np.diff(marks, axis=0)).mean()


def test_the_reaction_makes_the_pattern(coats):
    start = grow_coat(replace(SPECIES["stripes"].kinetics, steps=1), np.random.default_rng([11, 0]))
    assert agreement(start.left, coats["stripes"][0].left) < 0.6
