"""Who is compared: every sampler in the same loop, and the loop with one part of it changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from service.errors import InputError
from training.samplers.registry import SAMPLERS
from training.stages.settings import NO_SAMPLER

OURS, PLAIN = "aas", NO_SAMPLER
MATCHED = "@aas"
"""Ending of a rival's name: the same rival, asked as many pairs in all as AAS asked of that data set and seed."""

Family: TypeAlias = Literal["baseline", "rival", "ablation"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One entry.

    Attributes:
        label: what a table calls it.
        sampler: a name of SAMPLERS, or none. changes: of the loop's settings, beside that.
        family: rivals and ablations are drawn in pictures of their own; baselines are in both.
        usual: whether it is compared unless it is asked for.
    """

    label: str
    sampler: str
    family: Family = "rival"
    changes: Mapping[str, Any] = field(default_factory=dict)
    usual: bool = True


def _of_sampler(name: str) -> Contestant:
    if name in (OURS, "random"):
        return Contestant(SAMPLERS[name].label, name, "baseline")
    family: Family = "ablation" if name.startswith("aas_") else "rival"
    return Contestant(SAMPLERS[name].label, name, family, usual=name not in ("nis_published", "ucal_literal"))


CONTESTANTS: Mapping[str, Contestant] = MappingProxyType(
    {
        PLAIN: Contestant("SpCL (nothing asked)", NO_SAMPLER, "baseline"),
        OURS: _of_sampler(OURS),
        **{name: _of_sampler(name) for name in SAMPLERS if name != OURS},
        "aas_two_dbscan": Contestant("AAS, a second DBSCAN for FINCH", OURS, "ablation", {"view_b": "dbscan"}),
        "aas_no_np3": Contestant(
            "AAS, pseudo labels without NP3", OURS, "ablation", {"pseudo_label_np3": "never"}, usual=False
        ),
        "random_no_np3": Contestant(
            "Random, pseudo labels without NP3", "random", "ablation", {"pseudo_label_np3": "never"}
        ),
    }
)
"""Name -> contestant; plain SpCL and AAS first, as they are run."""


def contestant(name: str) -> Contestant:
    """A contestant by its name, also one that is matched to AAS's spend.

    Raises:
        InputError: there is none.
    """
    base, matched, rest = name.partition(MATCHED)
    if base not in CONTESTANTS or rest:
        raise InputError(f"there is no contestant {name!r}; there are {', '.join(CONTESTANTS)}", where="sampler")
    found = CONTESTANTS[base]
    label = f"{found.label}, as many pairs as AAS" if matched else found.label
    return Contestant(label, found.sampler, found.family, found.changes, found.usual)


def chosen(names: list[str] | None, *, matched: bool) -> list[str]:
    """The named contestants (None: the usual ones), AAS before those that ask as many pairs as it did.

    Args:
        matched: run every rival that asks something a second time, with as many pairs as AAS.

    Raises:
        InputError: there is no such contestant; or there is nothing to match, because AAS is not among them.
    """
    asked = list(names or [name for name, one in CONTESTANTS.items() if one.usual])
    for name in asked:
        contestant(name)
    ordered = [name for name in CONTESTANTS if name in asked]
    if not matched:
        return ordered
    if OURS not in ordered:
        raise InputError(f"rivals can only be matched to {OURS}, which is not compared: add --sampler {OURS}")
    again = [name for name in ordered if CONTESTANTS[name].sampler not in (NO_SAMPLER, *_aas_samplers())]
    return [*ordered, *(name + MATCHED for name in again)]


def _aas_samplers() -> tuple[str, ...]:
    return tuple(name for name, sampler in SAMPLERS.items() if sampler.aas is not None)
