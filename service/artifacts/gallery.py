"""A gallery snapshot on disk: the searchable individuals of one species, sealed, read-only and memory-mapped.

    GALLERIES/<slug>/current                      name of the version in use
    GALLERIES/<slug>/<version>/manifest.json      species' true name, features and bundle sha, counts, index settings
        identities.json  rows.<column>.npy        who; and for each row: identity, encounter, viewpoint, annotation, photo, box
        embeddings.<backbone>.npy                 [N x D] float32
        index.all.faiss                           inner product over all backbones' vectors end to end
        local.<name>.{keypoints,descriptors,scores,offsets,sizes}.npy    local features of all rows, laid end to end
        descriptors.<name>.faiss                  for descriptor voting

The writer is service.artifacts.gallery_writer.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.artifacts.atomic import write_atomic
from service.artifacts.gallery_indexes import mapped, read_descriptor_indexes, read_indexes, read_local
from service.artifacts.manifest import MANIFEST, open_sealed, read_json
from service.artifacts.slugs import slug
from service.cascade.values import Gallery, Identity, PackedLocal
from service.errors import ArtifactError

KIND, FORMAT = "gallery", 2
CURRENT = "current"
ROW_ARRAYS = ("identity_of", "encounters", "viewpoints", "annotations", "photos", "boxes")
_VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


def species_folder(root: Path, species: str) -> Path:
    """Where the versions of a species lie."""
    return root / slug(species)


def list_galleries(root: Path) -> dict[str, Path]:
    """Species (true name) -> folder of its current snapshot, by name. Verifies nothing; `open_gallery` does.

    Raises:
        ArtifactError: no such folder, or a `current` that leads nowhere.
    """
    if not root.is_dir():
        raise ArtifactError(f"there is no galleries folder {root}: build one with `python -m export gallery`")
    folders = [current_snapshot(pointer.parent) for pointer in sorted(root.glob(f"*/{CURRENT}"))]
    return {str(read_json(folder / MANIFEST).get("species")): folder for folder in folders}


def current_snapshot(folder: Path) -> Path:
    """The snapshot in use among a species' versions.

    Raises:
        ArtifactError: there is none, or the pointer is damaged.
    """
    pointer = folder / CURRENT
    try:
        version = pointer.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ArtifactError(f"{folder} has no current gallery: build one with `python -m export gallery`") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{pointer} cannot be read: {error}") from None
    if not _VERSION.fullmatch(version) or not (folder / version / MANIFEST).is_file():
        raise ArtifactError(f"{pointer} names {version[:80]!r}, which is not a version beside it: {_versions(folder)}")
    return folder / version


def switch_to(snapshot: Path) -> None:
    """Make a snapshot the current one of its species, atomically; readers keep what they have open."""
    if not (snapshot / MANIFEST).is_file():
        raise ArtifactError(f"{snapshot} is not a finished gallery")
    write_atomic(snapshot.parent / CURRENT, f"{snapshot.name}\n".encode("ascii"))


def versions(folder: Path) -> list[Path]:
    """Finished snapshots of a species, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if _VERSION.fullmatch(path.parent.name))


def open_gallery(folder: Path, *, features_sha: str, voters: Collection[str] | None = None) -> Gallery:
    """Verify and open a snapshot. Reads every byte once for the checksums, then keeps only the rows in memory.

    Args:
        features_sha: of the bundle that will make the queries; vectors of different models are never compared.
        voters: local features that will vote; the indexes of others stay closed. None: all may.

    Raises:
        ArtifactError: damaged, of another format, or made by other models.
    """
    body, _ = open_sealed(folder, KIND, FORMAT)
    if body["features_sha"] != features_sha:
        raise ArtifactError(
            f"{folder} was made by other models (features {str(body['features_sha'])[:12]}, the bundle makes "
            f"{features_sha[:12]}): build the gallery again with this bundle, or use the bundle it was made with"
        )
    rows = _rows(folder, int(body["rows"]))
    local = {name: _local(folder, name, body["rows"]) for name in body["locals"]}
    embeddings = {name: _matrix(folder, name, body["rows"], dim) for name, dim in body["embedders"].items()}
    return Gallery(
        species=str(body["species"]),
        version=folder.name,
        features_sha=features_sha,
        identities=_identities(folder, rows["identity_of"]),
        embeddings=embeddings,
        indexes=read_indexes(folder, body["indexes"], embeddings),
        local=local,
        descriptor_indexes=read_descriptor_indexes(folder, local, voters),
        identity_of=rows["identity_of"],
        encounters=rows["encounters"],
        viewpoints=rows["viewpoints"],
        annotations=rows["annotations"],
        photos=rows["photos"],
        boxes=rows["boxes"],
    )


def _versions(folder: Path) -> str:
    return ", ".join(path.name for path in versions(folder)) or "there are none"


def _rows(folder: Path, count: int) -> dict[str, NDArray[Any]]:
    rows = {name: mapped(folder / f"rows.{name}.npy") for name in ROW_ARRAYS}
    if any(len(values) != count for values in rows.values()):
        raise ArtifactError(f"{folder}/rows.*.npy do not hold {count} rows: build the gallery again")
    return rows


def _identities(folder: Path, identity_of: NDArray[np.int64]) -> tuple[Identity, ...]:
    identities = tuple(Identity(**fields) for fields in read_json(folder / "identities.json"))
    if len(identity_of) and not 0 <= identity_of.min() <= identity_of.max() < len(identities):
        raise ArtifactError(f"{folder}/identities.json does not name every row's individual: build the gallery again")
    return identities


def _matrix(folder: Path, name: str, rows: int, dim: int) -> NDArray[np.float32]:
    vectors = mapped(folder / f"embeddings.{name}.npy")
    if vectors.shape != (rows, dim):
        raise ArtifactError(f"{folder}: embeddings of {name} are {vectors.shape}, not {(rows, dim)}")
    return vectors


def _local(folder: Path, name: str, rows: int) -> PackedLocal:
    packed = read_local(folder, name)
    if len(packed.offsets) != rows + 1 or packed.offsets[-1] != len(packed.descriptors):
        raise ArtifactError(f"{folder}: local features of {name} do not fit {rows} rows: build the gallery again")
    return packed
