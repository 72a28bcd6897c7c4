"""The species that somebody has enrolled."""

from dataclasses import dataclass

from sqlalchemy import func, select

from service.catalogue.database import Catalogue
from service.catalogue.models import AnnotationRow, Species


@dataclass(frozen=True, slots=True)
class SpeciesSummary:
    """How many individuals and annotations the catalogue holds of a species (annotations without a name count too)."""

    species: str
    individuals: int
    annotations: int


def species_summary(catalogue: Catalogue) -> list[SpeciesSummary]:
    """Every species by name. O(annotations)."""
    counts = (
        select(Species.name, func.count(AnnotationRow.identity.distinct()), func.count(AnnotationRow.id))
        .join(AnnotationRow, AnnotationRow.species == Species.name, isouter=True)
        .group_by(Species.name)
        .order_by(Species.name)
    )
    with catalogue.read() as session:
        return [SpeciesSummary(*row) for row in session.execute(counts).tuples()]
