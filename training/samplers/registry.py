"""Every sampler by the name a run is started with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from service.clustering.pairs import Pair
from training.samplers import aas, coreset, gbas, lbas, margin, nis, random, ucal, uncertainty
from training.samplers.aas import AasOptions
from training.samplers.nis import NisOptions
from training.samplers.state import Select, State
from training.samplers.ucal import UcalOptions


@dataclass(frozen=True, slots=True)
class Sampler:
    """One entry: callable as (state, budget) -> pairs.

    Attributes:
        label: what a table or figure calls it; says where it is an approximation of a published method.
        aas: its options where it is ambiguity-aware sampling, so that a cycle can write its pools down (`aas.pools`, `aas.draw`).
    """

    label: str
    select: Select
    aas: AasOptions | None = None

    def __call__(self, state: State, budget: int) -> list[Pair]:
        return self.select(state, budget)


def _aas(label: str, options: AasOptions) -> Sampler:
    return Sampler(label, partial(aas.select, options=options), options)


SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {
        "aas": _aas("AAS", AasOptions()),
        "aas_no_under": _aas("AAS without U_us", AasOptions(use_under=False)),
        "aas_no_over": _aas("AAS without U_os", AasOptions(use_over=False)),
        "random": Sampler("Random", random.select),
        "nis": Sampler("NIS", nis.select),
        "nis_published": Sampler("NIS (published code)", partial(nis.select, options=NisOptions(published=True))),
        "lbas": Sampler("LBAS (approximation)", lbas.select),
        "gbas": Sampler("GBAS (approximation)", gbas.select),
        "coreset": Sampler("Core-set", coreset.select),
        "margin": Sampler("Margin", margin.select),
        "uncertainty": Sampler("Uncertainty + diversity (approximation)", uncertainty.select),
        "ucal": Sampler("UCAL (approximation)", ucal.select),
        "ucal_literal": Sampler(
            "UCAL (approximation, k_max as printed)", partial(ucal.select, options=UcalOptions(most_groups="literal"))
        ),
    }
)
"""Name -> sampler."""
