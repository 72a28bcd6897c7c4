"""Embeddings of photos and of varied views of them, computed once and kept in the feature cache."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.annotations import AnnotationRow
from export.cached_models import Arrays, CachedModel, cached_models
from export.feature_cache import FeatureCache
from service.artifacts.bundle import Bundle
from service.artifacts.manifest import sha256_json
from service.cascade.models import Models
from service.cascade.values import F32, U8
from service.catalogue.photos import WHOLE_PHOTO
from service.errors import InputError
from service.images import decode_image
from training.arcface.augment import varied
from training.arcface.masks import read_mask
from training.arcface.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Views:
    """Embeddings of the photos that could be read.

    Attributes:
        rows: their rows.
        embeddings: [1 + V x N x sum D] float32; the first is the photo as it is. Each backbone's part is L2-normalised.
        failures: "<image_id>: <reason>" of the others.
    """

    rows: tuple[AnnotationRow, ...]
    embeddings: F32
    failures: tuple[str, ...]


def embed_views(
    rows: Sequence[AnnotationRow],
    bundle: Bundle,
    models: Models,
    cache: FeatureCache,
    recipe: Recipe,
    *,
    backbones: Sequence[str],
    views: int,
    masks: Path | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Views:
    """Embed every photo and `views` varied versions of it; a killed run goes on where it stopped. O(rows * (1 + views)).

    Args:
        backbones: names, in the order their embeddings are laid side by side.
        masks: folder of <image_id>.png, non-zero on the animal; None: no masks.
        progress: called with (rows done, rows in all).
    """
    wanted = {model.name: model for model in cached_models(bundle, models, (), backbones)}
    found, kept, failures = [], [], []
    for done, row in enumerate(rows, 1):
        try:
            photo = _Photo(row, recipe, masks)
            found.append(
                [photo.embedding(view, [wanted[name] for name in backbones], cache) for view in range(1 + views)]
            )
            kept.append(row)
        except (OSError, InputError) as error:
            failures.append(f"{row.image_id}: {error}")
        progress(done, len(rows))
    if not found:
        raise InputError(f"none of {len(rows)} photos could be read; the first: {failures[0]}")
    return Views(tuple(kept), np.asarray(found, np.float32).transpose(1, 0, 2), tuple(failures))


class _Photo:
    """One row's photo, decoded only where the cache lacks a view."""

    def __init__(self, row: AnnotationRow, recipe: Recipe, masks: Path | None) -> None:
        self._row, self._recipe, self._masks = row, recipe, masks
        self._data = row.path.read_bytes()
        self._sha = hashlib.sha256(self._data).hexdigest()
        self._image: U8 | None = None

    def embedding(self, view: int, models: Sequence[CachedModel], cache: FeatureCache) -> F32:
        """[sum D] of one view; 0: the photo as it is."""
        parts, shown = [], None
        for model in models:
            keyed = model if view == 0 else self._of_view(model, view)
            arrays: Arrays | None = cache.read(keyed, self._sha, self._row.box or WHOLE_PHOTO)
            if arrays is None:
                shown = self._shown(view) if shown is None else shown
                arrays = model.run([shown])[0]
                cache.write(keyed, self._sha, self._row.box or WHOLE_PHOTO, arrays)
            parts.append(np.asarray(arrays["embedding"], np.float32))
        return np.concatenate(parts)

    def _of_view(self, model: CachedModel, view: int) -> CachedModel:
        """The model under an address of its own for this recipe, view and mask."""
        recipe: Mapping[str, object] = self._recipe.model_dump(mode="json", exclude={"name", "s", "m"})
        masked = bool(self._masks) and self._recipe.hide_background
        sha = sha256_json([model.sha, recipe, view, self._row.viewpoint, masked])
        return CachedModel(model.name, sha, model.parts, model.run)

    def _shown(self, view: int) -> U8:
        if self._image is None:
            self._image = decode_image(self._data, where=self._row.path.name, box=self._row.box)
        if view == 0:
            return self._image
        mask = read_mask(self._masks, self._row, self._image) if self._recipe.hide_background else None
        seed = int(self._sha[:12], 16) + view
        return varied(self._image, self._recipe, seed=seed, orientation=self._row.viewpoint, mask=mask)
