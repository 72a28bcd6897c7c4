"""A small service that needs no weights: real worker, catalogue, photos and HTTP; only the networks are replaced, by mean colour."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from service.app import create_app
from service.cascade.values import (
    Candidate,
    Gallery,
    Identification,
    Identity,
    MatchEvidence,
    PackedLocal,
    Query,
    Stage,
)
from service.catalogue.annotations import gallery_annotations
from service.catalogue.database import Catalogue
from service.catalogue.enrolment import LabelledAnnotation, import_annotations
from service.catalogue.photos import Photo, PhotoStore
from service.errors import NotFoundError
from service.settings import Settings
from service.state import ServiceState

SPECIES = "colour beast"
COLOURS = {"Ember": (200, 60, 40), "Fern": (50, 170, 70)}


def photo(
    colour: tuple[int, int, int] = COLOURS["Ember"], size: tuple[int, int] = (96, 64), kind: str = "JPEG"
) -> bytes:
    """A photo of a coat of one colour with a little texture."""
    texture = np.random.default_rng(3).integers(-12, 13, (size[1], size[0], 1))
    pixels = np.clip(np.asarray(colour) + texture, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@dataclass(frozen=True)
class ColourCascade:
    """Identifies by mean colour; `bias` makes two of them answer differently."""

    galleries: dict[str, Gallery]
    bias: float = 0.0

    def __call__(self, queries: Sequence[Query]) -> list[Identification | Exception]:
        return [self._one(query) for query in queries]

    def _one(self, query: Query) -> Identification | Exception:
        gallery = self.galleries.get(query.species)
        if gallery is None:
            return NotFoundError("no such species", where="species")
        if len(gallery) == 0:
            return Identification(
                "new", None, 0.0, 1.0, (), ("the gallery of this species is empty",), (), "p", 1.0, gallery.version
            )
        mean = np.mean([a.image.reshape(-1, 3).mean(0) for a in query.annotations], 0)
        distances = np.abs(gallery.embeddings["colour"] - mean).mean(1)
        order = np.argsort(distances)
        shares = np.clip(1 - distances / 100 + self.bias, 0, 1)
        candidates = tuple(self._candidate(gallery, int(row), float(shares[row])) for row in order)
        best = candidates[0].probability
        verdict = "known" if best > 0.8 else "review" if best > 0.5 else "new"
        return Identification(
            verdict,
            candidates[0].identity if verdict == "known" else None,
            best,
            1 - best,
            candidates,
            ("judged by colour",),
            (Stage("colour", 0.5, len(order)),),
            "colour",
            0.8,
            gallery.version,
        )

    @staticmethod
    def _candidate(gallery: Gallery, row: int, share: float) -> Candidate:
        points = np.array([[10, 10], [40, 30]], np.float32)
        match = MatchEvidence("dots", 0, row, points, points, np.array([0.9, 0.4], np.float32))
        evidence = {"cosine:colour": {"similarity": share, "probability": share}}
        return Candidate(gallery.identities[gallery.identity_of[row]], share, evidence, row, (match,))


def make_state(folder: Path, *, name: str = "colours", bias: float = 0.0) -> ServiceState:
    """A state with a gallery of two animals and an empty one, everything but the cascade real."""
    catalogue, photos = Catalogue.in_folder(folder), PhotoStore(folder / "photos")
    rows = []
    for identity, colour in COLOURS.items():
        data = photo(colour)
        rows.append(
            LabelledAnnotation(identity, identity, Photo(photos.put(data), 96, 64, len(data)), viewpoint="left")
        )
    import_annotations(catalogue, SPECIES, rows)
    found = list(gallery_annotations(catalogue, SPECIES, []))
    galleries = {SPECIES: _gallery(SPECIES, found), "nobody yet": _gallery("nobody yet", [])}
    return ServiceState(name, name * 3, "cpu", galleries, ColourCascade(galleries, bias), catalogue, photos)


def _gallery(species: str, found: Sequence[object]) -> Gallery:
    count = len(found)
    identities = tuple(a.identity for a in found)  # type: ignore[attr-defined]
    assert all(isinstance(identity, Identity) for identity in identities)
    nothing = np.zeros((0, 2), np.float32)
    offsets, sizes = np.zeros(count + 1, np.int64), np.tile(np.array([[96, 64]]), (count, 1))
    return Gallery(
        species=species,
        version="20260101T000000Z-00000000",
        features_sha="f",
        identities=identities,
        identity_of=np.arange(count),
        encounters=np.array([""] * count),
        viewpoints=np.array(["left"] * count),
        annotations=np.array([a.id for a in found], str),  # type: ignore[attr-defined]
        photos=np.array([a.photo for a in found], str),  # type: ignore[attr-defined]
        boxes=np.zeros((count, 4), np.int64),
        embeddings={"colour": np.array([COLOURS[i.name] for i in identities], np.float32)},
        indexes={},
        local={"dots": PackedLocal(nothing, nothing, nothing[:, 0], offsets, sizes)},
    )


@pytest.fixture(scope="session")
def colour_photo() -> Callable[..., bytes]:
    """Makes a photo of one colour."""
    return photo


@pytest.fixture(scope="session")
def colour_state() -> Callable[..., ServiceState]:
    """Makes a state with the colour cascade."""
    return make_state


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An app over the colour cascade; bounds small enough to be reached."""
    folder = tmp_path_factory.mktemp("galleries")
    settings = Settings(galleries=folder, max_body_bytes=3_000_000, max_photos=8, queue_photos=16, deadline_s=20.0)
    state = make_state(folder)
    with TestClient(create_app(settings, lambda _: state), raise_server_exceptions=False) as client:
        yield client
