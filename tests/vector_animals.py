"""Synthetic animals without photos: each is a point in embedding space and a coat of spots. Galleries of them cost milliseconds."""

from dataclasses import dataclass

import faiss
import numpy as np

from service.artifacts.descriptor_index import build_index, stride
from service.cascade.values import (
    DescriptorIndex,
    Features,
    Gallery,
    Identity,
    LocalFeatures,
    PackedLocal,
)

DIM, SPOT_DIM, SIZE_PX = 24, 16, (200, 150)


@dataclass(frozen=True)
class Species:
    """Draws animals of one kind. `likeness`: how much a photo keeps of its animal's point; `spots`: a coat has so many."""

    seed: int = 0
    likeness: float = 1.0
    spots: int = 0

    def photo(self, individual: int, number: int) -> Features:
        """Features of one photo of one animal; the same numbers give the same photo."""
        random = np.random.default_rng([self.seed, individual, number])
        point = np.random.default_rng([self.seed, individual]).standard_normal(DIM)
        embedding = _unit(self.likeness * point + random.standard_normal(DIM))
        return Features({"net": embedding}, {"dots": self._coat(individual, random)} if self.spots else {})

    def gallery(self, individuals: range, photos: int, first: int = 0) -> Gallery:
        """A gallery of these animals; every photo is an encounter of its own, and all are left flanks."""
        shots = [(i, first + n) for i in individuals for n in range(photos)]
        features = [self.photo(i, n) for i, n in shots]
        embeddings = np.stack([one.embeddings["net"] for one in features])
        index = faiss.IndexFlatIP(DIM)
        index.add(embeddings)
        packed = {"dots": _packed([one.local["dots"] for one in features])} if self.spots else {}
        place = {individual: i for i, individual in enumerate(individuals)}
        return Gallery(
            species="vector animal",
            version="20260101T000000Z-00000000",
            features_sha="f",
            identities=tuple(Identity(f"{i:032x}", f"A{i}") for i in individuals),
            identity_of=np.array([place[i] for i, _ in shots], np.int64),
            encounters=np.array([f"{i}/{n}" for i, n in shots]),
            viewpoints=np.array(["left"] * len(shots)),
            annotations=np.array([f"{row:032x}" for row in range(len(shots))]),
            photos=np.array([f"{row:064x}" for row in range(len(shots))]),
            boxes=np.zeros((len(shots), 4), np.int64),
            embeddings={"net": embeddings},
            indexes={"all": index, "net": index},
            local=packed,
            descriptor_indexes={name: _index(one) for name, one in packed.items()},
        )

    def _coat(self, individual: int, random: np.random.Generator) -> LocalFeatures:
        """The animal's spots, moved by one affine map and smeared, among as many that belong to the background."""
        coat = np.random.default_rng([self.seed, individual, 0, 0])
        places, spots = coat.random((self.spots, 2)), coat.standard_normal((self.spots, SPOT_DIM))
        turned = (places - 0.5) @ (np.eye(2) + 0.1 * random.standard_normal((2, 2))) + 0.5
        seen = np.concatenate([turned, random.random((self.spots, 2))]) * SIZE_PX
        smeared = spots + 0.6 * random.standard_normal(spots.shape)
        descriptors = _unit(np.concatenate([smeared, random.standard_normal(spots.shape)]))
        scores = np.linspace(1, 0.1, 2 * self.spots, dtype=np.float32)
        return LocalFeatures(seen.astype(np.float32), descriptors, scores, SIZE_PX)


def _unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def _packed(coats: list[LocalFeatures]) -> PackedLocal:
    return PackedLocal(
        np.concatenate([coat.keypoints for coat in coats]),
        np.concatenate([coat.descriptors for coat in coats]),
        np.concatenate([coat.scores for coat in coats]),
        np.cumsum([0, *(len(coat) for coat in coats)]),
        np.array([coat.size_px for coat in coats]),
    )


def _index(packed: PackedLocal) -> DescriptorIndex:
    return DescriptorIndex(build_index(packed), stride(packed.offsets), packed)
