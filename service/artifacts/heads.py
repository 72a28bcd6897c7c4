"""The heads of a bundle: files named by their content, switched by the manifest, so a reader never sees half of one."""

import hashlib
from collections.abc import Sequence

from service.artifacts.atomic import write_atomic
from service.artifacts.bundle import HEADS, Bundle, HeadSpec, open_bundle
from service.artifacts.manifest import MANIFEST, read_json, seal, sha256_json
from service.artifacts.onnx_session import OnnxSession
from service.artifacts.slugs import slug
from service.cascade import golden
from service.cascade.arcface_stage import Head, canonical_embeddings
from service.errors import ArtifactError

FOLDER = "heads"


def backbones_sha(bundle: Bundle, names: Sequence[str]) -> str:
    """Identity of the named backbones' output, in this order: what a head was trained on.

    Raises:
        ArtifactError: the bundle has no such backbone.
    """
    specs = {spec.name: spec for spec in bundle.embedders}
    missing = [name for name in names if name not in specs]
    if missing:
        raise ArtifactError(f"bundle {bundle.name} has no backbone {', '.join(missing)}; it has {', '.join(specs)}")
    return sha256_json([bundle.model_sha(specs[name]) for name in names])


def open_heads(bundle: Bundle, *, provider: str = "cpu", threads: int | None = 1) -> dict[str, Head]:
    """Species -> its head, each run once and checked against its golden values.

    Raises:
        ArtifactError: a head was trained on other backbones, cannot be opened, or does not answer as the manifest states.
    """
    return {spec.species: _open(bundle, spec, provider, threads) for spec in bundle.heads}


def publish_head(bundle: Bundle, spec: HeadSpec, graph: bytes) -> Bundle:
    """Add a species' head to a bundle and seal it again; a killed run leaves the old one in force.

    Args:
        spec: `file` is replaced by the graph's place.

    Raises:
        ArtifactError: the head was trained on other backbones, or does not give its golden values.
    """
    mark = hashlib.sha256(graph).hexdigest()[:8]
    placed = spec.model_copy(update={"file": f"{FOLDER}/{slug(spec.species)}-{mark}.onnx"})
    write_atomic(bundle.folder / placed.file, graph)
    _open(bundle, placed, "cpu", 1)
    heads = [*(other for other in bundle.heads if other.species != spec.species), placed]
    wanted = {bundle.folder / head.file for head in heads}
    old = [path for path in (bundle.folder / FOLDER).iterdir() if path not in wanted]
    body = read_json(bundle.folder / MANIFEST)
    body["heads"] = HEADS.dump_python(tuple(heads), mode="json")
    seal(bundle.folder, body, leave_out={path.relative_to(bundle.folder).as_posix() for path in old})
    for left in old:
        left.unlink()
    return open_bundle(bundle.folder)


def head_golden(head: Head, bundle: Bundle) -> tuple[float, ...]:
    """What a head gives for the canonical embeddings."""
    dims = {spec.name: spec.dim for spec in bundle.embedders}
    canonical = canonical_embeddings({name: dims[name] for name in head.spec.backbones})
    return golden.of_embedding(head.embed(canonical)[0])


def _open(bundle: Bundle, spec: HeadSpec, provider: str, threads: int | None) -> Head:
    if backbones_sha(bundle, spec.backbones) != spec.backbones_sha:
        raise ArtifactError(
            f"bundle {bundle.name}: the head of {spec.species} was trained on other {' and '.join(spec.backbones)}: train it again"
        )
    head = Head(OnnxSession(bundle.folder / spec.file, provider=provider, threads=threads), spec)
    measured = head_golden(head, bundle)
    if not golden.agree(measured, spec.golden):
        raise ArtifactError(
            f"bundle {bundle.name}: the head of {spec.species} gives {measured[:3]}..., the bundle states {spec.golden[:3]}...: "
            "export it again"
        )
    return head
