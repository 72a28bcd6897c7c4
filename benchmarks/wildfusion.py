"""Time a query, side by side: plain WildFusion with LightGlue in PyTorch against the fitted policy, same animals, same weights.

    python -m benchmarks wildfusion [queries] [individuals] [queries timed in PyTorch]

Plain WildFusion as its paper has it: the 100 images nearest by cosine, each matched with ALIKED-LightGlue and DISK-LightGlue, 256 keypoints
at 512 x 512, no adaptivity. That is 16 s a query, so only a handful is timed. Ours is asked all queries. Neither counts the extraction of
the query's own features, which stands beside it. The first run also extracts the features of every gallery photo, once: minutes.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.torch_wildfusion import LOCALS, TorchWildFusion, settle_threads, torch_wildfusion
from export.annotations import AnnotationRow, read_annotations
from export.base import base_bundle, cache_folder
from export.console import progress_bar
from export.evaluation.evaluate import evaluate
from export.evaluation.split import asked
from export.feature_cache import FeatureCache, extract_cached
from export.fit.choose import FITTED
from export.metrics import TWO_WAY, Outcome, figures
from export.model_config import read_config
from export.policies import describe, plain_variant
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.artifacts.loading import load_models
from service.artifacts.manifest import write_json
from service.artifacts.onnx_session import cpu_limit
from service.cascade.models import Models
from service.cascade.values import FLANKS, Features, LocalFeatures
from service.images import decode_image

OUT = Path("artifacts/benchmarks")
SHORTLIST, STRANGERS, SEED = 100, 0.2, 4242


def main(queries: int = 100, individuals: int = 200, timed: int = 4) -> None:
    """Print both sides, their parts and the ratio; keep them in artifacts/benchmarks/wildfusion.json."""
    animals = round(individuals / (1 - STRANGERS))
    with progress_bar("synthetic animals") as advance:
        annotations = generate(
            OUT / f"synthetic-spots-{SEED}-{animals}",
            individuals=animals,
            strangers=STRANGERS,
            photos_per_encounter=(1, 2),
            seed=SEED,
            progress=advance,
        )
    rows = read_annotations(annotations, strangers=True).rows
    bundle, cache = base_bundle(), FeatureCache(cache_folder() / "features")
    with TemporaryDirectory(prefix="whorl-benchmark-") as work:
        results, _ = evaluate(rows, bundle, [FITTED], limit=queries, work=Path(work), cache=cache, bar=progress_bar)
    ours = next(iter(results.values()))
    plain = _plain(rows, bundle, cache, timed)
    console = Console(width=130)
    console.print(f"{ours.gallery_images} gallery photos of {ours.gallery_identities} individuals; {cpu_limit()} cores")
    if (load := os.getloadavg()[0]) > cpu_limit() + 1:
        console.print(f"the machine is busy (load {load:.1f}): times and ratio say little; run it on quiet cores")
    console.print(f"fitted: {describe(ours.policies[FITTED])}")
    found = _found(plain, ours.outcomes[FITTED], timed)
    console.print(_table(found))
    OUT.mkdir(parents=True, exist_ok=True)
    write_json(OUT / "wildfusion.json", found)


def _plain(rows: Sequence[AnnotationRow], bundle: Bundle, cache: FeatureCache, timed: int) -> TorchWildFusion:
    """Time the first queries: their features, and both matchers on the images nearest by cosine."""
    variant = plain_variant(bundle)
    models = load_models(variant, verify_golden=False)
    gallery = [row for row in rows if row.split_open == "gallery"]
    some = asked(rows, gallery[0].species, timed)
    near = _nearest(some, gallery, {row.path: one for row, one in _cosines([*some, *gallery], variant, cache)})
    wild = torch_wildfusion(read_config("default"))
    shown = _local([some[0], near[0][0]], variant, models, cache)
    settle_threads(wild, shown[0][LOCALS[0]], shown[1][LOCALS[0]], cpu_limit())
    wild.extract(decode_image(some[0].path.read_bytes(), where="warm-up", box=None))  # the first run is slow everywhere
    wild.feature_ms.clear()
    with progress_bar("plain WildFusion in PyTorch") as advance:
        for done, (query, nearest) in enumerate(zip(some, near, strict=True), 1):
            wild.extract(decode_image(query.path.read_bytes(), where=str(query.path), box=query.box))
            local = _local([query, *nearest], variant, models, cache)
            for name in LOCALS:
                wild.match(name, local[0][name], [one[name] for one in local[1:]])
            advance(done, len(some))
    return wild


def _local(
    rows: Sequence[AnnotationRow], bundle: Bundle, models: Models, cache: FeatureCache
) -> list[Mapping[str, LocalFeatures]]:
    found = extract_cached(rows, bundle, models, cache, embedders=())
    return [item.features.local for item in found if item.features is not None]


def _cosines(
    rows: Sequence[AnnotationRow], bundle: Bundle, cache: FeatureCache
) -> list[tuple[AnnotationRow, Features]]:
    models = load_models(bundle, verify_golden=False)
    found = extract_cached(rows, bundle, models, cache, locals=())
    return [(item.row, item.features) for item in found if item.features is not None]


def _nearest(
    queries: Sequence[AnnotationRow], gallery: Sequence[AnnotationRow], features: Mapping[Path, Features]
) -> list[list[AnnotationRow]]:
    """Each query's shortlist: not its own encounter, not the other flank."""
    found = []
    for query in queries:
        other = {flank for flank in FLANKS if query.viewpoint in FLANKS and flank != query.viewpoint}
        rows = [row for row in gallery if row.encounter != query.encounter and row.viewpoint not in other]
        mine = features[query.path].embeddings
        near = [float(np.mean([v @ mine[n] for n, v in features[row.path].embeddings.items()])) for row in rows]
        found.append([rows[i] for i in np.argsort(-np.asarray(near), kind="stable")[:SHORTLIST]])
    return found


def _found(plain: TorchWildFusion, ours: Sequence[Outcome], timed: int) -> dict[str, float]:
    pairs = {name: float(np.median(times)) for name, times in plain.match_ms.items()}
    each = sum(sum(times) for times in plain.match_ms.values()) / timed
    numbers, times = figures(ours, TWO_WAY), [o.ms for o in ours]
    return {
        "PyTorch threads": torch.get_num_threads(),
        "plain queries": timed,
        "plain ms_per_query": each,
        **{f"plain ms a pair, {name}": value for name, value in pairs.items()},
        "plain pairs a query": sum(len(times) for times in plain.match_ms.values()) / timed,
        "plain ms_features": sum(float(np.median(times)) for times in plain.feature_ms.values()),
        "ours queries": len(ours),
        "ours ms_per_query": float(np.median(times)),
        "ours p95 ms_per_query": float(np.percentile(times, 95)),
        "ours ms_features": numbers["ms_features"],
        "ours top1": numbers["top1"],
        "ours score": numbers["score"],
        "ratio": each / float(np.median(times)),
        "ratio with features": (each + sum(float(np.median(t)) for t in plain.feature_ms.values()))
        / (float(np.median(times)) + numbers["ms_features"]),
    }


def _table(found: Mapping[str, float]) -> Table:
    shown = Table(
        "what", "value", title="plain WildFusion (PyTorch, 100 images) against the fitted policy (onnxruntime)"
    )
    for name, value in found.items():
        shown.add_row(name, f"{value:.3f}" if value < 10 and value != round(value) else f"{value:,.0f}")
    return shown
