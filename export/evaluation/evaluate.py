"""From nothing but an annotations file with `split_open`: build galleries, fit on gallery individuals, ask the queries once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from export.annotations import AnnotationRow
from export.cached_models import cached_models
from export.evaluation.ask import LabelledQuery, ask
from export.evaluation.bench import Bench, open_bench
from export.evaluation.contestant import Contestant
from export.evaluation.ready import PLAIN_FAMILY, known_policies, make_ready
from export.evaluation.report import SpeciesResult
from export.evaluation.split import asked, gallery_by_species
from export.feature_cache import FeatureCache, extract_cached
from export.gallery import Bar
from export.metrics import Outcome
from export.policies import plain_variant
from service.artifacts.bundle import Bundle
from service.cascade.policy import Policy
from service.catalogue.enrolment import encounter_id
from service.errors import InputError, WhorlError
from service.images import decode_image

_TIMED_PHOTOS = 12


def evaluate(
    rows: Sequence[AnnotationRow],
    bundle: Bundle,
    names: Sequence[str],
    *,
    limit: int | None,
    work: Path,
    cache: FeatureCache,
    bar: Bar,
) -> tuple[dict[str, SpeciesResult], list[str]]:
    """Evaluate the named policies on every species of the file; returns results by species, and what was skipped and why.

    Args:
        rows: with `split_open`; values other than gallery, query_known and query_unknown are ignored.
        limit: at most so many query photos, dealt round species and individuals.
        work: empty folder for galleries. cache: of features; with it a second run is faster and gives the same figures.

    Raises:
        InputError: no gallery rows, no queries, an unknown policy, or nothing to fit on.
    """
    if unknown := set(names) - set(known_policies(bundle)):
        raise InputError(f"no policy {', '.join(sorted(unknown))}; there are: {', '.join(known_policies(bundle))}")
    gallery_rows = gallery_by_species(rows)
    total = sum(len(asked(rows, species)) for species in gallery_rows)
    results: dict[str, SpeciesResult] = {}
    skipped: list[str] = []
    for variant, chosen in _variants(bundle, names):
        bench = open_bench(variant, gallery_rows, work, cache, bar, skipped)
        ready = {name: make_ready(name, bench) for name in chosen}
        for species, gallery in bench.galleries.items():
            share = None if limit is None else limit * len(asked(rows, species)) / total
            known = {identity.name for identity in gallery.identities}
            queries, ms = _labelled(asked(rows, species, share), bench, known, skipped)
            result = results.setdefault(species, SpeciesResult(len(gallery), len(gallery.identities)))
            for name in chosen:
                contestant = ready[name][species]
                spent = sum(ms[model] for model in _read(contestant.policy, bundle))
                result.add(name, _answers(name, queries, contestant, bench, spent), contestant.policy)
    return results, list(dict.fromkeys(skipped))


def _variants(bundle: Bundle, names: Sequence[str]) -> Iterator[tuple[Bundle, list[str]]]:
    """Plain WildFusion and the cascades over it read features extracted their own way; all others share the bundle's."""
    ours = [name for name in names if name not in PLAIN_FAMILY]
    theirs = [name for name in names if name in PLAIN_FAMILY]
    if ours:
        yield bundle, ours
    if theirs:
        yield plain_variant(bundle), theirs


def _read(policy: Policy, bundle: Bundle) -> list[str]:
    """Names of the models a query must run for a policy: every backbone, and the local features it may read."""
    return [*(spec.name for spec in bundle.embedders), *sorted(policy.locals())]


def _labelled(
    rows: Sequence[AnnotationRow], bench: Bench, known: set[str], skipped: list[str]
) -> tuple[list[LabelledQuery], dict[str, float]]:
    """Queries with their features, and the median milliseconds that each model takes for one when nothing is cached."""
    queries = []
    with bench.bar("features of the queries") as advance:
        found = extract_cached(rows, bench.bundle, bench.models, bench.cache, progress=advance)
        for item in found:
            if item.features is None:
                skipped.append(f"{item.row.path}: {item.failure}")
                continue
            row = item.row
            encounter = encounter_id(row.species, row.encounter) if row.encounter else None
            queries.append(LabelledQuery(row.identity, row.identity in known, encounter, row.viewpoint, item.features))
    return queries, _extraction_ms(rows[:_TIMED_PHOTOS], bench)


def _extraction_ms(rows: Sequence[AnnotationRow], bench: Bench) -> dict[str, float]:
    models = cached_models(bench.bundle, bench.models, None, None)
    times: dict[str, list[float]] = {model.name: [] for model in models}
    for row in rows:
        try:
            image = decode_image(row.path.read_bytes(), where=str(row.path), box=row.box)
        except (WhorlError, OSError):
            continue
        for model in models:
            started = perf_counter()
            model.run([image])
            times[model.name].append(1e3 * (perf_counter() - started))
    return {name: float(np.median(each)) if each else float("nan") for name, each in times.items()}


def _answers(
    name: str, queries: Sequence[LabelledQuery], contestant: Contestant, bench: Bench, ms: float
) -> list[Outcome]:
    answers = []
    with bench.bar(f"{name}: asking {contestant.gallery.species}") as advance:
        for done, query in enumerate(queries, 1):
            answers.append(ask(query, contestant, bench.models, ms_features=ms))
            advance(done, len(queries))
    return answers
