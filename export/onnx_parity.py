"""Does the exported graph say what the published network says? Asked of every model that goes into a bundle."""

from typing import Any, TypeAlias

import numpy as np
import torch
from kornia.feature import ALIKED, DISK, LightGlue, LoFTR, XFeat
from numpy.typing import NDArray
from torch import Tensor, nn

from export.networks.superpoint import SuperPoint
from service.artifacts.onnx_session import Session
from service.cascade.values import F32
from service.errors import ArtifactError

Array: TypeAlias = NDArray[Any]
LocalNetwork: TypeAlias = ALIKED | DISK | XFeat | SuperPoint

COSINE = 0.9999
DESCRIPTOR = 1e-3
PLACE_PX = 0.01
SHARE = 0.99  # of keypoints and of matches: float rounding swaps near ties


def check_embedder(name: str, network: nn.Module, session: Session, images: F32) -> None:
    """Every embedding of `images` [B x C x S x S], alone and in a batch, has cosine > 0.9999 with torch's.

    Raises:
        ArtifactError: it has not.
    """
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    batched = session.run({"image": images})[0]
    alone = np.concatenate([session.run({"image": images[i : i + 1]})[0] for i in range(len(images))])
    for actual in (batched, alone):
        cosine = (actual * expected).sum(1) / np.linalg.norm(actual, axis=1) / np.linalg.norm(expected, axis=1)
        _require(bool(cosine.min() > COSINE), f"{name}: cosine of torch and onnxruntime is {cosine.min():.6f}")


def check_local(name: str, network: LocalNetwork, session: Session, image: F32, keypoints: int) -> None:
    """Nearly all keypoints of one [1 x C x H x W] image are the published network's, with its descriptors and scores.

    Raises:
        ArtifactError: they are not.
    """
    with torch.inference_mode():
        points, descriptors = published_features(network, torch.from_numpy(image), keypoints)
    actual, scores, described = session.run({"image": image})
    actual, described = actual[scores > 0], described[scores > 0]
    _require(min(len(points), len(actual)) > 0, f"{name}: no keypoints to compare")
    distance = np.linalg.norm(points[:, None] - actual[None], axis=2)
    nearest = distance.argmin(1)
    same = (distance.min(1) < PLACE_PX) & (np.abs(descriptors - described[nearest]).max(1) < DESCRIPTOR)
    _require(bool(same.mean() >= SHARE), f"{name}: {same.mean():.1%} of the keypoints are the published network's")
    _require(bool((np.diff(scores) <= 0).all()), f"{name}: scores are not in descending order")


def published_features(network: LocalNetwork, image: Tensor, keypoints: int) -> tuple[F32, F32]:
    """What the published code finds in one [1 x C x H x W] image: keypoints [K x 2] and descriptors [K x D]."""
    match network:
        case SuperPoint():
            points, descriptors = network.detect(image, keypoints)
        case XFeat():
            found = network.detectAndCompute(image, top_k=keypoints)[0]
            points, descriptors = found["keypoints"], found["descriptors"]
        case _:
            features = network(image, n=keypoints)[0] if isinstance(network, DISK) else network(image)[0]
            points, descriptors = features.keypoints, features.descriptors
    return points.numpy(), descriptors.numpy()


def check_matcher(name: str, network: LightGlue, session: Session, feed: dict[str, Array]) -> None:
    """The published network's matches for one pair; the same again where the pair is padded and beside another pair.

    Raises:
        ArtifactError: different matches.
    """
    sides = [_pixels(feed[f"keypoints{i}"], feed[f"descriptors{i}"]) for i in (0, 1)]
    with torch.inference_mode():
        expected = network({"image0": sides[0], "image1": sides[1]})["matches0"].numpy()
    count = expected.shape[1]
    masks: dict[str, Array] = {f"mask{i}": np.ones((1, feed[f"keypoints{i}"].shape[1]), np.bool_) for i in (0, 1)}
    alone = session.run({**feed, **masks})[0]
    together = session.run(_padded({**feed, **masks}))[0][:1, :count]
    for actual, how in ((alone, "alone"), (together, "in a padded batch")):
        same = float((actual == expected).mean())
        _require(same >= SHARE, f"{name}: {same:.1%} of the matches, {how}, are the published network's")


def _pixels(keypoints: Array, descriptors: Array) -> dict[str, Tensor]:
    """One side of a pair as the published network takes it: pixels of an image of 2 x 2, scale and orientation apart."""
    places = torch.from_numpy(keypoints)
    side = {"keypoints": places[..., :2] + 1, "descriptors": torch.from_numpy(descriptors)}
    frames = {"scales": places[..., 2], "oris": places[..., 3]} if places.shape[2] == 4 else {}
    return {**side, **frames, "image_size": torch.full((1, 2), 2.0)}


def check_dense(name: str, network: LoFTR, session: Session, images0: F32, images1: F32) -> None:
    """The published network's matches, pair by pair: [P x 1 x S x S] each; the places of nearly all of the surest are its own.

    Raises:
        ArtifactError: they are not.
    """
    together = session.run({"image0": images0, "image1": images1})
    for pair in range(len(images0)):
        shown = {"image0": images0[pair : pair + 1], "image1": images1[pair : pair + 1]}
        with torch.inference_mode():
            found = network({name: torch.from_numpy(image) for name, image in shown.items()})
        surest = found["confidence"].argsort(descending=True)[: together[2].shape[1]]
        expected = torch.cat([found["keypoints0"], found["keypoints1"]], 1)[surest].numpy() - 0.5
        for points0, points1, confidences in ([part[pair] for part in together], [p[0] for p in session.run(shown)]):
            actual = np.concatenate([points0, points1], 1)[confidences > 0]
            _require(len(actual) == len(expected), f"{name}: {len(actual)} matches, {len(expected)} as published")
            near = np.abs(expected[:, None] - actual[None]).max(2) < PLACE_PX
            same = float(near.any(1).mean()) if len(expected) else 1.0
            _require(same >= SHARE, f"{name}: {same:.1%} of the matches are the published network's")


def _padded(feed: dict[str, Array], extra: int = 7) -> dict[str, Array]:
    """The pair with `extra` padded points, beside a shorter pair."""
    padded = {}
    for key, value in feed.items():
        first = np.pad(value, [(0, 0), (0, extra), *[(0, 0)] * (value.ndim - 2)])
        second = first.copy()
        if key.startswith("mask"):
            second[:, value.shape[1] // 2 :] = False
        padded[key] = np.concatenate([first, second])
    return padded


def _require(true: bool, otherwise: str) -> None:
    if not true:
        raise ArtifactError(f"the exported graph disagrees with the network: {otherwise}")
