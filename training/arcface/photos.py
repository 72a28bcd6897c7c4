"""The photos of a fine-tuning run: decoded once in a while, varied every time."""

from collections.abc import Sequence
from functools import lru_cache

from export.annotations import AnnotationRow
from service.cascade.values import U8
from service.errors import InputError
from service.images import decode_image
from training.arcface.augment import varied
from training.arcface.masks import read_mask
from training.arcface.settings import Settings

_KEPT = 64  # decoded photos
_PRIME = 1_000_003


class Photos:
    """Photos by row. Memory: 64 decoded photos."""

    def __init__(self, rows: Sequence[AnnotationRow], settings: Settings) -> None:
        self._rows, self._settings = tuple(rows), settings
        self.plain = lru_cache(maxsize=_KEPT)(self._decoded)

    def __len__(self) -> int:
        return len(self._rows)

    def varied(self, row: int, epoch: int) -> U8:
        """[H x W x 3] uint8 RGB: the row's photo as this epoch shows it; the same for the same seed of the run."""
        image, labelled, recipe = self.plain(row), self._rows[row], self._settings.recipe
        mask = read_mask(self._settings.masks, labelled, image) if recipe.hide_background else None
        seed = (self._settings.seed * _PRIME + epoch) * _PRIME + row
        return varied(image, recipe, seed=seed, orientation=labelled.viewpoint, mask=mask)

    def _decoded(self, row: int) -> U8:
        path = self._rows[row].path
        try:
            return decode_image(path.read_bytes(), where=path.name, box=self._rows[row].box)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
