"""Features are computed once: cached by model, photo and box, so a killed run goes on where it stopped."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from export.cached_models import Arrays, CachedModel, cached_models, features_of
from service.artifacts.atomic import write_atomic
from service.artifacts.bundle import Bundle
from service.cascade.models import Models
from service.cascade.values import U8, Features
from service.catalogue.photos import WHOLE_PHOTO, Box
from service.errors import InputError
from service.images import decode_image, image_size

BATCH = 16
_DAMAGED = (OSError, ValueError, LookupError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class HasPhoto(Protocol):
    """Anything cut from a photo on disk. `box`: None for the whole photo."""

    @property
    def path(self) -> Path:
        """Where the photo lies."""
        ...

    @property
    def box(self) -> Box | None:
        """x, y, w, h in pixels of the upright photo."""
        ...


Row = TypeVar("Row", bound=HasPhoto)


@dataclass(slots=True)
class Extracted(Generic[Row]):
    """What became of one row: features, or the reason why there are none.

    Attributes:
        sha256, size_px, size_bytes: of the photo; (width, height) upright.
    """

    row: Row
    features: Features | None = None
    failure: str | None = None
    sha256: str = ""
    size_px: tuple[int, int] = (0, 0)
    size_bytes: int = 0


class FeatureCache:
    """A folder of .npz files by content: <model sha>/<aa>/<photo sha>-<box>.npz. A damaged file is a miss."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, model: CachedModel, photo: str, box: Box) -> Arrays | None:
        """One model's arrays of one annotation, or None."""
        try:
            with self.path(model.sha, photo, box).open("rb") as handle:
                file = np.load(handle, allow_pickle=False)
                return {name: file[name] for name in model.parts}
        except _DAMAGED:
            return None

    def write(self, model: CachedModel, photo: str, box: Box, arrays: Arrays) -> None:
        """Keep one model's arrays of one annotation; a reader sees all of them or nothing."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_atomic(self.path(model.sha, photo, box), buffer.getvalue(), durable=False)

    def path(self, model_sha: str, photo: str, box: Box) -> Path:
        """The file of one model and annotation."""
        return self._folder / model_sha / photo[:2] / f"{photo}-{'-'.join(map(str, box))}.npz"


def extract_cached(
    rows: Sequence[Row],
    bundle: Bundle,
    models: Models,
    cache: FeatureCache,
    *,
    locals: Iterable[str] | None = None,
    embedders: Iterable[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Extracted[Row]]:
    """Features of every row, in order; each model runs only where the cache has nothing. Streams: memory of one batch.

    Local descriptors come back rounded to float16, as galleries keep them: the same from the cache and from the model.

    Args:
        locals, embedders: names of the models wanted; None: all of the bundle.
        progress: called with (rows done, rows in all).
    """
    wanted = cached_models(bundle, models, locals, embedders)
    remaining, done = iter(rows), 0
    while batch := [_Work(Extracted(row), cache) for row in islice(remaining, BATCH)]:
        for work in batch:
            work.start(wanted)
        for model in wanted:
            _run(model, [work for work in batch if model.name in work.missing], cache)
        for work in batch:
            yield work.finished()
        done += len(batch)
        if progress:
            progress(done, len(rows))


def from_cache(
    photo: str, box: Box, bundle: Bundle, models: Models, cache: FeatureCache, *, embedders: Iterable[str] | None = None
) -> Features | None:
    """Features of one annotation if the cache has all of them; reads no photo."""
    found: dict[str, Arrays] = {}
    for model in cached_models(bundle, models, None, embedders):
        arrays = cache.read(model, photo, box)
        if arrays is None:
            return None
        found[model.name] = arrays
    return features_of(found)


@dataclass(slots=True)
class _Work(Generic[Row]):
    """One row on its way. `image`: decoded only where a model is missing."""

    result: Extracted[Row]
    cache: FeatureCache
    image: U8 | None = None
    found: dict[str, Arrays] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    @property
    def box(self) -> Box:
        return self.result.row.box or WHOLE_PHOTO

    def start(self, wanted: Sequence[CachedModel]) -> None:
        """Look every model up, and decode the photo if one is missing."""
        result = self.result
        try:
            data = result.row.path.read_bytes()
            result.sha256, result.size_bytes = hashlib.sha256(data).hexdigest(), len(data)
            result.size_px = image_size(data, where=result.row.path.name)
            for model in wanted:
                self._look_up(model)
            if self.missing:
                self.image = decode_image(data, where=result.row.path.name, box=result.row.box)
        except OSError as error:
            self._fail(f"{error.strerror or error}")
        except InputError as error:
            self._fail(error.detail)

    def finished(self) -> Extracted[Row]:
        """The result, its image given back."""
        self.image = None
        if self.result.failure is None:
            self.result.features = features_of(self.found)
        return self.result

    def _look_up(self, model: CachedModel) -> None:
        arrays = self.cache.read(model, self.result.sha256, self.box)
        if arrays is None:
            self.missing.add(model.name)
        else:
            self.found[model.name] = arrays

    def _fail(self, reason: str) -> None:
        self.result.failure = reason
        self.missing.clear()


def _run(model: CachedModel, works: Sequence[_Work[Row]], cache: FeatureCache) -> None:
    """Run one model on the photos that lack it, and keep what it says."""
    images = [work.image for work in works if work.image is not None]
    if not images:
        return
    for work, arrays in zip(works, model.run(images), strict=True):
        cache.write(model, work.result.sha256, work.box, arrays)
        work.found[model.name] = arrays
