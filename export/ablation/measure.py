"""Data sets -> what every step answers on them; a data set that was measured before is read, not asked again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from export.ablation.measured import FORMAT, Measured, Side, earlier, write_measured
from export.annotations import AnnotationRow, read_annotations
from export.evaluation.evaluate import evaluate
from export.evaluation.report import report
from export.evaluation.split import gallery_by_species
from export.feature_cache import FeatureCache
from export.gallery import Bar
from service.artifacts.bundle import Bundle
from service.artifacts.manifest import sha256_file, sha256_json
from service.errors import InputError


@dataclass(frozen=True, slots=True)
class Source:
    """One annotations file. `group`: see Measured."""

    annotations: Path
    name: str
    group: str


def sources_of(annotations: Sequence[Path]) -> list[Source]:
    """Files named by their folders.

    Raises:
        InputError: a file that is not there, or two of one name.
    """
    found: dict[str, Source] = {}
    for path in annotations:
        name = path.resolve().parent.name
        if not path.is_file():
            raise InputError(f"there is no annotations file {path}", where="annotations")
        if name in found:
            raise InputError(
                f"{path} and {found[name].annotations} are both called {name}: a data set is named by its folder"
            )
        found[name] = Source(path, name, name)
    return list(found.values())


def measure(
    source: Source, bundle: Bundle, names: Sequence[str], limit: int | None, out: Path, *, cache: FeatureCache, bar: Bar
) -> Measured:
    """Ask every named policy, and keep the answers as `out`/<name>.json; a second call reads them.

    Raises:
        InputError: an unusable file.
    """
    path = out / f"{source.name}.json"
    matchers = [bundle.files[spec.file] for spec in bundle.matchers if spec.file]
    asked = [FORMAT, sha256_file(source.annotations), bundle.features_sha, matchers, list(names), limit]
    mark = sha256_json(asked)
    if (found := earlier(path, mark)) is not None:
        return found
    rows = read_annotations(source.annotations, else_species=source.name, strangers=True).rows
    gallery_by_species(rows)  # an unusable file is refused before anything is built
    with TemporaryDirectory(prefix="whorl-ablate-") as work:
        results, skipped = evaluate(rows, bundle, names, limit=limit, work=Path(work), cache=cache, bar=bar)
    measured = Measured(
        dataset=source.name,
        group=source.group,
        mark=mark,
        found=json.loads(json.dumps(report(source.name, results, skipped))),
        outcomes={name: {s: tuple(one.outcomes[name]) for s, one in results.items()} for name in names},
        policies={name: {s: one.policies[name] for s, one in results.items()} for name in names},
        galleries=galleries_of(rows),
    )
    write_measured(path, measured)
    return measured


def galleries_of(rows: Sequence[AnnotationRow]) -> Mapping[str, Mapping[str, Side]]:
    """Species -> flank -> its gallery photos and individuals."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row.in_gallery:
            found.setdefault(row.species, {}).setdefault(row.viewpoint or "", []).append(row.identity)
    return {
        species: {flank: Side(len(who), len(set(who))) for flank, who in sorted(flanks.items())}
        for species, flanks in found.items()
    }
