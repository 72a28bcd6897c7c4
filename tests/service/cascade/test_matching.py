"""Matching: classics against a naive second implementation, LightGlue against itself alone and in a batch."""

from dataclasses import replace

import numpy as np
import pytest

from service.cascade.golden import canonical_image
from service.cascade.matching import Matches, mutual_nearest, no_matches, normalised, ratio_matches
from service.cascade.models import Models
from service.cascade.values import F32, LocalFeatures


def unit(rng: np.random.Generator, rows: int, dim: int = 8) -> F32:
    raw = rng.normal(size=(rows, dim)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def first(features: LocalFeatures, count: int) -> LocalFeatures:
    return LocalFeatures(
        features.keypoints[:count], features.descriptors[:count], features.scores[:count], features.size_px
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 9), (30, 20)])
def test_mutual_nearest_is_what_two_loops_find(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    a, b = unit(rng, rows), unit(rng, columns)
    expected = []
    for i in range(rows):
        j = max(range(columns), key=lambda j: float(a[i] @ b[j]))
        if max(range(rows), key=lambda k: float(a[k] @ b[j])) == i:
            expected.append((i, j))
    matches = mutual_nearest(a, b)
    assert [tuple(pair) for pair in matches.indices.tolist()] == expected
    np.testing.assert_allclose(matches.confidences, [max(0.0, float(a[i] @ b[j])) for i, j in expected], atol=1e-6)


def test_ratio_matches_keep_only_the_distinctive() -> None:
    rng = np.random.default_rng(3)
    b = unit(rng, 40, 32)
    a = b[:10] + rng.normal(scale=0.02, size=(10, 32)).astype(np.float32)
    a = np.asarray(a / np.linalg.norm(a, axis=1, keepdims=True), np.float32)
    b[39] = b[0]  # two equally good partners for row 0
    matches = ratio_matches(a, b)
    assert matches.indices.tolist() == [[i, i] for i in range(1, 10)]
    assert (matches.confidences > 0.2).all()
    for (i, j), confidence in zip(matches.indices, matches.confidences, strict=True):
        distances = np.sort(np.linalg.norm(b - a[i], axis=1))
        assert np.linalg.norm(b[j] - a[i]) == pytest.approx(distances[0], abs=1e-4)
        assert confidence == pytest.approx(1 - distances[0] / distances[1], abs=1e-3)


@pytest.mark.parametrize("function", [mutual_nearest, ratio_matches])
def test_nothing_matches_nothing(function: object) -> None:
    rng = np.random.default_rng(0)
    assert callable(function)
    for a, b in ((unit(rng, 0), unit(rng, 5)), (unit(rng, 5), unit(rng, 0)), (unit(rng, 0), unit(rng, 0))):
        assert len(function(a, b)) == 0


def test_keypoints_are_normalised_as_lightglue_does() -> None:
    features = LocalFeatures(
        np.array([[0, 0], [200, 100], [100, 50]], np.float32),
        np.zeros((3, 1), np.float32),
        np.zeros(3, np.float32),
        (200, 100),
    )
    np.testing.assert_allclose(normalised(features, square=False), [[-1, -0.5], [1, 0.5], [0, 0]])
    np.testing.assert_allclose(normalised(features, square=True), [[-1, -1], [1, 1], [0, 0]])


@pytest.fixture(scope="module")
def views(models: Models) -> dict[str, list[LocalFeatures]]:
    image = canonical_image()
    cuts = [image, np.ascontiguousarray(image[16:, 24:]), np.ascontiguousarray(image[:, ::-1])]
    return {name: [models.locals[name].extract(cut) for cut in cuts] for name in models.matchers}


@pytest.mark.parametrize("name", ["aliked", "disk"])
def test_lightglue_finds_the_shift_between_two_cuts(
    models: Models, views: dict[str, list[LocalFeatures]], name: str
) -> None:
    a, b, mirrored = views[name]
    matches, other = models.matchers[name].match([(a, b), (a, mirrored)])
    moved = a.keypoints[matches.indices[:, 0]] - b.keypoints[matches.indices[:, 1]]
    right = np.abs(moved - [24, 16]).max(1) < 3
    assert right.sum() > 100
    assert right.mean() > 0.95
    assert len(other) < len(matches)
    assert len(set(matches.indices[:, 0])) == len(set(matches.indices[:, 1])) == len(matches)
    assert (matches.confidences > 0).all()
    assert (matches.confidences <= 1).all()


def shared(a: Matches, b: Matches) -> float:
    pairs = [{tuple(row) for row in matches.indices.tolist()} for matches in (a, b)]
    return len(pairs[0] & pairs[1]) / max(len(pairs[0] | pairs[1]), 1)


@pytest.mark.parametrize("name", ["aliked", "disk"])
def test_a_pair_matches_the_same_in_any_company(
    models: Models, views: dict[str, list[LocalFeatures]], name: str
) -> None:
    a, b, c = views[name]
    none = first(a, 0)
    pairs = [
        (a, b),
        (first(a, 40), b),
        (a, none),
        (a, c),
        (none, none),
        (first(a, 1), first(b, 1)),
        (b, first(a, 200)),
    ] + [(b, c)] * 4
    together = models.matchers[name].match(pairs)
    assert len(together) == len(pairs)
    assert len(together[2]) == len(together[4]) == 0
    for pair, matches in zip(pairs[:7], together, strict=False):
        alone = models.matchers[name].match([pair])[0]
        assert len(alone) == len(matches) == 0 or shared(alone, matches) > 0.98
    assert all(shared(together[7], matches) > 0.98 for matches in together[8:])


def test_no_pairs_and_no_keypoints() -> None:
    assert no_matches().indices.shape == (0, 2)
    with pytest.raises(AttributeError):
        replace(no_matches()).indices = None  # type: ignore[misc]
