"""A bundle at work: its models, and a gallery of every species made with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from export.annotations import AnnotationRow
from export.feature_cache import FeatureCache
from export.fit.signals import SignalStudy
from export.gallery import Bar, build_gallery
from service.artifacts.bundle import Bundle
from service.artifacts.gallery import list_galleries, open_gallery
from service.artifacts.loading import load_models
from service.cascade.models import Models
from service.cascade.values import Gallery


@dataclass(frozen=True, slots=True)
class Bench:
    """One bundle at work.

    Attributes:
        galleries: by species. studies: held-out trials by species, shared by the steps of a cascade.
    """

    bundle: Bundle
    models: Models
    galleries: Mapping[str, Gallery]
    cache: FeatureCache
    bar: Bar
    studies: dict[str, SignalStudy] = field(default_factory=dict)


def open_bench(
    bundle: Bundle,
    gallery_rows: Mapping[str, list[AnnotationRow]],
    work: Path,
    cache: FeatureCache,
    bar: Bar,
    skipped: list[str],
) -> Bench:
    """Build galleries of the rows under `work`; photos that fail are added to `skipped`."""
    models = load_models(bundle, verify_golden=False)
    out = work / bundle.features_sha[:16]
    for species, rows in gallery_rows.items():
        report = build_gallery(bundle, rows, species, out, models=models, cache=cache, bar=bar)
        skipped += [f"{path}: {reason}" for path, reason in report.failed]
    folders = list_galleries(out)
    galleries = {species: open_gallery(folders[species], features_sha=bundle.features_sha) for species in gallery_rows}
    return Bench(bundle, models, galleries, cache, bar)
