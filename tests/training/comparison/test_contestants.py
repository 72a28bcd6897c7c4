"""Names of contestants, and which of them are run."""

import pytest

from service.errors import InputError
from training.comparison.contestants import CONTESTANTS, MATCHED, OURS, chosen, contestant
from training.comparison.options import Options
from training.samplers.registry import SAMPLERS


def test_every_sampler_and_every_ablation_makes_settings() -> None:
    assert set(SAMPLERS) <= set(CONTESTANTS) and {"none", "aas_two_dbscan", "random_no_np3"} <= set(CONTESTANTS)
    options = Options(cycles=3, period=4, fraction=0.01)
    for name, one in CONTESTANTS.items():
        settings = options.settings(name, 7, 0)
        assert (settings.sampler, settings.cycles, settings.epochs, settings.seed) == (one.sampler, 3, 12, 7)
        assert settings.pairs_a_cycle(101) == 50
    assert options.settings("aas_two_dbscan", 0, 0).view_b == "dbscan"
    assert options.settings("random_no_np3", 0, 0).pseudo_label_np3 == "never"
    assert options.settings("random", 0, 0).pseudo_label_np3 == "every_epoch"


def test_a_matched_rival_asks_what_aas_asked() -> None:
    assert Options(cycles=5).settings("nis" + MATCHED, 0, 123).budget == {"absolute": 25}
    assert Options(cycles=5).settings("nis" + MATCHED, 0, 0).budget == {"absolute": 1}
    assert contestant("nis" + MATCHED).label == "NIS, as many pairs as AAS"


def test_who_is_run_and_in_which_order() -> None:
    assert chosen(["random", "aas"], matched=False) == ["aas", "random"]
    assert chosen(["random", "aas", "aas_no_over", "none"], matched=True) == [
        "none", "aas", "aas_no_over", "random", "random" + MATCHED,
    ]  # fmt: skip
    usual = chosen(None, matched=False)
    assert usual[:2] == ["none", OURS] and "ucal" in usual and "ucal_literal" not in usual


@pytest.mark.parametrize("name", ["best", "random@aas@aas", ""])
def test_others_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no contestant"):
        contestant(name)
    with pytest.raises(InputError, match="no contestant"):
        chosen([name], matched=False)


def test_there_must_be_something_to_match() -> None:
    with pytest.raises(InputError, match="--sampler aas"):
        chosen(["random"], matched=True)
