"""What all animals of one synthetic species share: colours and coat chemistry. Nothing here is individual."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from export.synthetic.coat import Kinetics
from service.errors import InputError

CoatKind = Literal["spots", "stripes", "blotches"]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Species:
    """A synthetic species: its name, the reaction that grows its coats, and its palette."""

    name: str
    kinetics: Kinetics
    back: Rgb
    belly: Rgb
    marking: Rgb
    dark: Rgb = (44, 36, 34)  # hooves, muzzle, horns, eye


SPECIES: Mapping[CoatKind, Species] = {
    "spots": Species(
        name="synthetic spotted antelope",
        kinetics=Kinetics(feed=0.035, kill=0.0641, variety=0.0065, scale=0.85, full_at=0.28, bare_at=0.14),
        back=(200, 152, 96),
        belly=(232, 212, 176),
        marking=(52, 30, 20),
    ),
    "stripes": Species(
        name="synthetic striped antelope",
        kinetics=Kinetics(
            feed=0.036, kill=0.0612, variety=0.0048, scale=1.25, grain=(0.4, 1.0), full_at=0.32, bare_at=0.12
        ),
        back=(196, 184, 160),
        belly=(226, 220, 204),
        marking=(86, 76, 71),
    ),
    "blotches": Species(
        name="synthetic blotched antelope",
        kinetics=Kinetics(feed=0.042, kill=0.0595, variety=0.0045, scale=0.55, full_at=0.13, bare_at=0.25),
        back=(206, 178, 134),
        belly=(228, 212, 178),
        marking=(122, 66, 36),
    ),
}


def find_species(name: str) -> Species:
    """By coat kind or by full name. Raises InputError with the choices for anything else."""
    for kind, species in SPECIES.items():
        if name in (kind, species.name):
            return species
    raise InputError(f"synthetic animals: no species {name!r}; choose one of {', '.join(SPECIES)}")
