"""A file's photos as a bundle's frozen backbones see them, kept on disk so that every run and process reads the same numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.arcface_run import read_arrays, write_arrays
from export.feature_cache import FeatureCache
from export.gallery import Bar, no_bar
from service.artifacts.bundle import Bundle
from service.artifacts.heads import backbones_sha
from service.artifacts.manifest import sha256_file, sha256_json
from service.cascade.values import F32, I64
from service.errors import ArtifactError, InputError
from training.evaluation.roles import Roles, read_roles
from training.learning.frozen import backbone_dims, frozen_embeddings


@dataclass(frozen=True, slots=True)
class Embedded:
    """N rows and their embeddings.

    Attributes:
        roles: of the rows whose photos could be read.
        features: [N x sum D] float32, every backbone's L2-normalised embedding side by side. dims: D of each, by name.
        sha: of the list of photos and the backbones.
    """

    roles: Roles
    features: F32
    dims: tuple[int, ...]
    sha: str

    def individuals(self, rows: I64) -> list[str]:
        """Who each of these rows shows; animals of two species are two."""
        return [f"{self.roles.rows[i].species}\0{self.roles.rows[i].identity}" for i in rows.tolist()]


def embed_file(
    annotations: Path,
    bundle: Bundle,
    out: Path,
    cache: FeatureCache,
    *,
    species: str | None = None,
    bar: Bar = no_bar,
    say: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Embed every row that has a part, and keep that under `out`; -> the file, which is made once. O(photos).

    Args:
        species: as in `read_roles`.
        say: told of every photo that cannot be read, a line each.

    Raises:
        InputError: an unusable file, or none of its photos can be read.
    """
    dims = backbone_dims(bundle)
    sha = sha256_json([sha256_file(annotations), species, backbones_sha(bundle, list(dims))])
    path = out / f"{annotations.resolve().parent.name}-{sha[:16]}.safetensors"
    roles = read_roles(annotations, species=species)
    if path.is_file():
        return path
    out.mkdir(parents=True, exist_ok=True)
    with bar(f"embedding {annotations.resolve().parent.name}") as advance:
        kept, features = frozen_embeddings(
            roles.rows, lambda row: row.image_id, bundle, cache, progress=advance, say=say
        )
    if not kept:
        raise InputError(f"none of the {len(roles.rows)} photos of {annotations} could be read", where="annotations")
    names = np.frombuffer("\n".join(row.image_id for row in kept).encode(), np.uint8)
    write_arrays(path, {"features": features, "dims": np.array(list(dims.values())), "image_ids": names})
    return path


def read_embedded(path: Path, annotations: Path, *, species: str | None = None) -> Embedded:
    """A file of `embed_file`, with the rows it was made of.

    Raises:
        ArtifactError: damaged, or of other rows.
    """
    roles, arrays = read_roles(annotations, species=species), read_arrays(path)
    try:
        ids = set(arrays["image_ids"].tobytes().decode().split("\n"))
        part = roles.part(np.array([row.image_id in ids for row in roles.rows]))
        features, dims = np.asarray(arrays["features"], np.float32), tuple(arrays["dims"].tolist())
        fits = features.shape == (len(part.rows), sum(dims))
    except (KeyError, UnicodeDecodeError):
        fits = False
    if not fits:
        raise ArtifactError(f"{path} does not hold the embeddings of {annotations}: remove it, and it is made again")
    return Embedded(part, features, dims, path.stem.rpartition("-")[2])
