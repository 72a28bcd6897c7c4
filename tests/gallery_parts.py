"""A bundle without networks and random rows: all a gallery needs."""

from pathlib import Path

import numpy as np

from service.artifacts.bundle import Bundle, EmbedderSpec, LocalSpec
from service.artifacts.gallery_writer import GalleryRow
from service.cascade.preprocess import PreprocessSpec
from service.cascade.values import Features, Identity, LocalFeatures

DIM, LOCAL_DIM = 8, 16
IDENTITIES = (Identity("a" * 32, "Amani"), Identity("b" * 32, "Žofie", "provisional"), Identity("c" * 32, "Zuri"))


def tiny_bundle(name: str = "tiny") -> Bundle:
    preprocess = PreprocessSpec(size_px=32)
    return Bundle(
        folder=Path("nowhere"),
        name=name,
        sha256="0" * 64,
        embedders=(EmbedderSpec(name=f"{name}_net", licence="MIT", source="test", preprocess=preprocess, dim=DIM),),
        locals=(
            LocalSpec(
                name="dots",
                kind="rootsift",
                licence="MIT",
                source="test",
                preprocess=preprocess,
                dim=LOCAL_DIM,
                keypoints=16,
            ),
        ),
        matchers=(),
    )


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def local_features(rng: np.random.Generator, keypoints: int) -> LocalFeatures:
    return LocalFeatures(
        rng.uniform(0, 40, (keypoints, 2)).astype(np.float32),
        unit(rng.standard_normal((keypoints, LOCAL_DIM))),
        np.sort(rng.random(keypoints).astype(np.float32))[::-1].copy(),
        (40, 30),
    )


def gallery_row(n: int, *, bundle: Bundle, keypoints: int = 5) -> GalleryRow:
    rng = np.random.default_rng(n)
    return GalleryRow(
        annotation=f"{n:032x}",
        photo=f"{n:064x}",
        box=(n, 0, 40, 30),
        identity=IDENTITIES[n % 3],
        encounter=f"e{n}" if n % 2 else "",
        viewpoint="left",
        features=Features(
            {spec.name: unit(rng.standard_normal(DIM)) for spec in bundle.embedders},
            {spec.name: local_features(rng, keypoints) for spec in bundle.locals},
        ),
    )
