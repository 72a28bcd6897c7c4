"""Who is met when, which flank is photographed, and which side of the open split an encounter falls on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from service.errors import InputError

Flank = Literal["left", "right"]
Split = Literal["gallery", "query_known", "query_unknown"]
FLANKS: tuple[Flank, Flank] = ("left", "right")
GALLERY_ENCOUNTERS_AT_LEAST = 2
_FIRST_DAY = datetime(2024, 3, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Study:
    """What a field study is asked to contain. `strangers` is the share of individuals that no gallery knows."""

    individuals: int = 100
    strangers: float = 0.3
    encounters_per_individual: int = 4
    photos_per_encounter: tuple[int, int] = (1, 3)
    seed: int = 0

    def __post_init__(self) -> None:
        fewest, most = self.photos_per_encounter
        if self.individuals < 1 or not 0 <= self.strangers <= 1:
            raise InputError("synthetic animals: individuals must be at least 1 and strangers between 0 and 1")
        if self.encounters_per_individual < GALLERY_ENCOUNTERS_AT_LEAST + 1:
            raise InputError(
                "synthetic animals: at least 3 encounters an individual (two for the gallery, one to ask about)"
            )
        if not 1 <= fewest <= most:
            raise InputError("synthetic animals: photos_per_encounter must be (fewest, most) with 1 <= fewest <= most")
        if self.seed < 0:
            raise InputError("synthetic animals: the seed must not be negative")


@dataclass(frozen=True)
class Encounter:
    """One individual at one place and time; one entry of `flanks` is one photo."""

    individual: int
    number: int  # counts this individual's encounters
    split: Split
    flanks: tuple[Flank, ...]
    met_at: datetime


def plan_encounters(study: Study) -> Iterator[Encounter]:
    """All encounters, individual by individual. The last quarter of a known individual's encounters are queries."""
    strangers = round(study.individuals * study.strangers)
    rng = np.random.default_rng([study.seed, 1])
    stranger_ids = {int(i) for i in rng.permutation(study.individuals)[:strangers]}
    queries = max(1, study.encounters_per_individual // 4)
    for individual in range(study.individuals):
        days = sorted(int(day) for day in rng.permutation(1500)[: study.encounters_per_individual])
        first = int(rng.integers(2))
        for number, day in enumerate(days):
            known: Split = "query_known" if number >= study.encounters_per_individual - queries else "gallery"
            yield Encounter(
                individual=individual,
                number=number,
                split="query_unknown" if individual in stranger_ids else known,
                flanks=_flanks(rng, FLANKS[(first + number) % 2], study.photos_per_encounter),
                met_at=_FIRST_DAY + timedelta(days=day, minutes=int(rng.integers(720))),
            )


def _flanks(rng: np.random.Generator, first: Flank, photos: tuple[int, int]) -> tuple[Flank, ...]:
    """Consecutive encounters start with opposite flanks, so the gallery has both; about half the bursts show both."""
    count = int(rng.integers(photos[0], photos[1] + 1))
    turns_at = int(rng.integers(1, count)) if count > 1 and rng.random() < 0.5 else count
    other: Flank = "right" if first == "left" else "left"
    return tuple(first if photo < turns_at else other for photo in range(count))
