"""Features are computed once; what is damaged is computed again; a broken photo is listed, not fatal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gallery_parts import tiny_bundle
from gallery_photos import SIZE, counting_models, save_photo

from export.annotations import AnnotationRow
from export.feature_cache import FeatureCache, extract_cached, from_cache
from service.cascade.values import Features
from service.catalogue.photos import WHOLE_PHOTO

BUNDLE = tiny_bundle()


def photos(folder: Path, count: int) -> list[AnnotationRow]:
    return [AnnotationRow(str(n), "a", save_photo(folder / f"{n}.jpg", n), "nyala") for n in range(count)]


def same(one: Features | None, other: Features | None) -> bool:
    assert one is not None and other is not None
    pairs = [(one.embeddings[name], other.embeddings[name]) for name in one.embeddings]
    for name, local in one.local.items():
        second = other.local[name]
        assert local.size_px == second.size_px
        pairs += [(getattr(local, part), getattr(second, part)) for part in ("keypoints", "descriptors", "scores")]
    return all(a.dtype == b.dtype == np.float32 and np.array_equal(a, b) for a, b in pairs) and len(pairs) > 1


def test_the_second_run_computes_nothing_and_gives_the_same(tmp_path: Path) -> None:
    rows, cache = photos(tmp_path, 20), FeatureCache(tmp_path / "cache")
    models, seen = counting_models()
    first = list(extract_cached(rows, BUNDLE, models, cache))
    assert len(seen) == 40  # each photo, each model, once
    second = list(extract_cached(rows, BUNDLE, models, cache))
    assert len(seen) == 40
    assert [item.row for item in second] == rows
    assert all(same(a.features, b.features) for a, b in zip(first, second, strict=True))
    assert all((item.size_px, item.size_bytes) == (SIZE, item.row.path.stat().st_size) for item in second)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    rows, cache = photos(tmp_path, 40), FeatureCache(tmp_path / "cache")
    models, seen = counting_models()
    run = extract_cached(rows, BUNDLE, models, cache)
    for _ in range(5):
        next(run)
    done = len(seen)
    assert done < 80
    list(extract_cached(rows, BUNDLE, models, cache))
    assert len(seen) == 80


def test_cached_features_are_those_of_the_models(tmp_path: Path) -> None:
    (row,) = photos(tmp_path, 1)
    models, _ = counting_models()
    (item,) = extract_cached([row], BUNDLE, models, FeatureCache(tmp_path / "cache"))
    from service.images import decode_image

    (direct,) = models.extract([decode_image(row.path.read_bytes(), where="photo")])
    assert item.features is not None
    np.testing.assert_array_equal(item.features.embeddings["tiny_net"], direct.embeddings["tiny_net"])
    np.testing.assert_allclose(item.features.local["dots"].descriptors, direct.local["dots"].descriptors, atol=5e-4)


def test_another_model_another_photo_another_box_are_other_features(tmp_path: Path) -> None:
    (row,), cache = photos(tmp_path, 1), FeatureCache(tmp_path / "cache")
    models, seen = counting_models()
    boxed = replace(row, box=(2, 3, 30, 20))
    whole, part = extract_cached([row, boxed], BUNDLE, models, cache)
    assert not same(whole.features, part.features)
    assert seen.count((20, 30, 3)) == 2  # both models saw the crop
    other_models, other_seen = counting_models("other")
    list(extract_cached([row], tiny_bundle("other"), other_models, cache))
    assert len(other_seen) == 1  # `dots` is the same model in both bundles, the backbone is not
    save_photo(row.path, 99)
    list(extract_cached([row], BUNDLE, models, cache))
    assert len(seen) == 6


def test_a_damaged_file_is_a_miss(tmp_path: Path) -> None:
    (row,), cache = photos(tmp_path, 1), FeatureCache(tmp_path / "cache")
    models, seen = counting_models()
    (good,) = extract_cached([row], BUNDLE, models, cache)
    files = sorted((tmp_path / "cache").rglob("*.npz"))
    assert len(files) == 2
    for damage in (b"", b"no zip", files[0].read_bytes()[:-40]):
        seen.clear()
        files[0].write_bytes(damage)
        (again,) = extract_cached([row], BUNDLE, models, cache)
        assert same(good.features, again.features)
        assert len(seen) == 1
    flipped = bytearray(files[1].read_bytes())
    flipped[len(flipped) // 2] ^= 255
    files[1].write_bytes(flipped)
    (again,) = extract_cached([row], BUNDLE, models, cache)
    assert same(good.features, again.features)


def test_broken_photos_are_listed_and_skipped(tmp_path: Path) -> None:
    rows = photos(tmp_path, 4)
    rows[0].path.write_bytes(b"")
    rows[1].path.write_bytes(rows[2].path.read_bytes()[:300])
    missing = replace(rows[3], image_id="missing", path=tmp_path / "missing.jpg")
    outside = replace(rows[3], image_id="outside", box=(0, 0, 500, 20))
    models, _ = counting_models()
    found = list(extract_cached([*rows, missing, outside], BUNDLE, models, FeatureCache(tmp_path / "cache")))
    assert [item.features is not None for item in found] == [False, False, True, True, False, False]
    reasons = [item.failure or "" for item in found]
    assert "empty" in reasons[0] and "damaged" in reasons[1]
    assert "No such file" in reasons[4] and "leaves the photo" in reasons[5]


@pytest.mark.parametrize(
    ("embedders", "locals_", "calls"), [((), None, 1), (None, (), 1), ((), (), 0), (None, None, 2)]
)
def test_only_the_wanted_models_run(tmp_path: Path, embedders: object, locals_: object, calls: int) -> None:
    models, seen = counting_models()
    cache = FeatureCache(tmp_path / "cache")
    (item,) = extract_cached(photos(tmp_path, 1), BUNDLE, models, cache, embedders=embedders, locals=locals_)  # type: ignore[arg-type]
    assert len(seen) == calls
    assert item.features is not None
    assert (len(item.features.embeddings), len(item.features.local)) == (embedders is None, locals_ is None)


def test_progress_counts_every_row(tmp_path: Path) -> None:
    models, _ = counting_models()
    said: list[tuple[int, int]] = []
    cache = FeatureCache(tmp_path / "cache")
    list(extract_cached(photos(tmp_path, 20), BUNDLE, models, cache, progress=lambda *now: said.append(now)))
    assert said == [(16, 20), (20, 20)]


def test_what_is_cached_is_found_without_its_photo(tmp_path: Path) -> None:
    (row,), cache = photos(tmp_path, 1), FeatureCache(tmp_path / "cache")
    models, _ = counting_models()
    (item,) = extract_cached([row], BUNDLE, models, cache)
    row.path.unlink()
    assert same(item.features, from_cache(item.sha256, WHOLE_PHOTO, BUNDLE, models, cache))
    assert from_cache("0" * 64, WHOLE_PHOTO, BUNDLE, models, cache) is None
