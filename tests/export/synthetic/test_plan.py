from collections import defaultdict

import pytest

from export.synthetic.plan import Study, plan_encounters
from service.errors import InputError


def test_same_study_same_plan_other_seed_other_plan():
    assert list(plan_encounters(Study(individuals=8))) == list(plan_encounters(Study(individuals=8)))
    assert list(plan_encounters(Study(individuals=8))) != list(plan_encounters(Study(individuals=8, seed=1)))


def test_open_split_is_sound():
    by_individual = defaultdict(list)
    for encounter in plan_encounters(Study(individuals=100, strangers=0.3, seed=5)):
        by_individual[encounter.individual].append(encounter)
    strangers = [met for met in by_individual.values() if met[0].split == "query_unknown"]
    known = [met for met in by_individual.values() if met[0].split != "query_unknown"]
    assert (len(strangers), len(known)) == (30, 70)
    assert all({e.split for e in met} == {"query_unknown"} for met in strangers)
    for met in known:
        gallery = [e for e in met if e.split == "gallery"]
        assert len(gallery) >= 2
        assert any(e.split == "query_known" for e in met)
        assert {flank for e in gallery for flank in e.flanks} == {"left", "right"}


def test_bursts_are_as_long_as_asked_and_some_show_both_flanks():
    encounters = list(plan_encounters(Study(individuals=50, photos_per_encounter=(1, 3))))
    assert {len(e.flanks) for e in encounters} == {1, 2, 3}
    assert any(len(set(e.flanks)) == 2 for e in encounters)


@pytest.mark.parametrize(
    "wrong",
    [
        {"individuals": 0},
        {"strangers": 1.2},
        {"strangers": float("nan")},
        {"encounters_per_individual": 2},
        {"photos_per_encounter": (0, 2)},
        {"photos_per_encounter": (3, 2)},
        {"seed": -1},
    ],
)
def test_impossible_studies_are_refused_in_one_line(wrong):
    with pytest.raises(InputError, match="synthetic animals") as refused:
        Study(**wrong)
    assert "\n" not in str(refused.value)
