"""Image -> network input, driven by data that ships with the model (AddaxAI #121: a pixel off, and embeddings rot in silence)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from service.cascade.values import F32, U8

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class PreprocessSpec(BaseModel):
    """How a model wants its pixels.

    Attributes:
        size_px: side of the square (`squash`) or length of the longer side (`long_side`).
        resize: `squash` ignores the aspect ratio, `long_side` keeps it.
        multiple_of: both sides are padded with zeros, right and below, to a multiple of this.
        grey: one channel (ITU-R 601) instead of three.
        mean, std: per channel, applied after scaling to [0, 1].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_px: int = Field(ge=16, le=4096)
    resize: Literal["squash", "long_side"] = "squash"
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    multiple_of: int = Field(default=1, ge=1, le=256)
    grey: bool = False
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Network input and the way back.

    Attributes:
        tensor: [C x H x W] float32.
        valid_px: (width, height) of the part that is image, the rest is padding.
        original_px: (width, height) of the source image.
    """

    tensor: F32
    valid_px: tuple[int, int]
    original_px: tuple[int, int]

    def to_original(self, points: F32) -> F32:
        """[K x 2] points of the tensor -> the source image, pixel centres at integers: x' = (x + 1/2) s - 1/2."""
        scale = np.array(self.original_px, np.float32) / np.array(self.valid_px, np.float32)
        return np.asarray((points + 0.5) * scale - 0.5, np.float32)


def prepare(image: U8, spec: PreprocessSpec) -> Prepared:
    """[H x W x 3] uint8 RGB -> Prepared. O(pixels)."""
    height, width = image.shape[:2]
    source = Image.fromarray(image)
    if spec.grey:
        source = source.convert("L")
    new_width, new_height = _target_size(width, height, spec)
    resized = source.resize((new_width, new_height), _FILTERS[spec.interpolation])
    pixels: F32 = np.asarray(resized, np.float32) / np.float32(255)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    channels = pixels.shape[2]
    mean, std = (np.asarray(values[:channels], np.float32) for values in (spec.mean, spec.std))
    pixels = np.asarray((pixels - mean) / std, np.float32)
    pad_y, pad_x = -new_height % spec.multiple_of, -new_width % spec.multiple_of
    padded = np.pad(pixels, ((0, pad_y), (0, pad_x), (0, 0)))
    tensor = np.ascontiguousarray(padded.transpose(2, 0, 1), np.float32)
    return Prepared(tensor, (new_width, new_height), (width, height))


def _target_size(width: int, height: int, spec: PreprocessSpec) -> tuple[int, int]:
    if spec.resize == "squash":
        return spec.size_px, spec.size_px
    scale = spec.size_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
