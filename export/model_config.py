"""The declarative model file: which networks go into a bundle, with which weights, preprocessing and licence."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.weights import WeightsConfig
from service.cascade.preprocess import PreprocessSpec
from service.errors import ArtifactError

CONFIGS = Path(__file__).parent / "configs"

Family = Literal["aliked", "disk", "xfeat", "superpoint", "rootsift"]
STEPS: Mapping[Family, int] = MappingProxyType({"aliked": 32, "disk": 16, "xfeat": 32, "superpoint": 8, "rootsift": 1})
"""What a local feature's sides must be multiples of."""
GREY: frozenset[Family] = frozenset({"superpoint", "rootsift"})
ALIKED = Literal["aliked-t16", "aliked-n16", "aliked-n16rot", "aliked-n32"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    licence: str = Field(min_length=1)
    copyright: str = Field(min_length=1)


class EmbedderConfig(_Model):
    """A backbone. `pooling` and `blocks` are DINOv2's; `architecture` is timm's name, where the family has more than one."""

    role: Literal["embedder"]
    family: Literal["efficientnet_lite", "dinov2", "timm", "miewid", "spcl"]
    weights: WeightsConfig
    preprocess: PreprocessSpec
    architecture: str | None = None
    pooling: Literal["cls", "mean", "cls_mean"] = "mean"
    blocks: int = Field(default=12, ge=1, le=12)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.architecture is None and self.family != "dinov2":
            raise ValueError(f"model {self.name}: family {self.family} needs an architecture")
        return self


class LocalConfig(_Model):
    """A local feature. RootSIFT has no weights; the others need them. `architecture`: ALIKED's, where it is not aliked-n16."""

    role: Literal["local"]
    family: Family
    preprocess: PreprocessSpec
    keypoints: int = Field(default=512, ge=16, le=8192)
    weights: WeightsConfig | None = None
    architecture: ALIKED | None = None

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if (self.weights is None) != (self.family == "rootsift"):
            raise ValueError(
                f"model {self.name}: {self.family} {'needs weights' if self.weights is None else 'has no weights'}"
            )
        if self.architecture is not None and self.family != "aliked":
            raise ValueError(f"model {self.name}: only aliked has an architecture to choose")
        return self

    @model_validator(mode="after")
    def _shown(self) -> Self:
        step, shown = STEPS[self.family], self.preprocess
        if shown.multiple_of % step or (shown.resize == "squash" and shown.size_px % step):
            raise ValueError(f"model {self.name}: {self.family} needs preprocess.multiple_of = {step}")
        if shown.grey != (self.family in GREY):
            raise ValueError(f"model {self.name}: {self.family} needs preprocess.grey = {str(not shown.grey).lower()}")
        return self


class MatcherConfig(_Model):
    """LightGlue for the local feature called `local`; its sizes follow from that one's family."""

    role: Literal["matcher"]
    family: Literal["lightglue"]
    local: str
    weights: WeightsConfig


class DenseMatcherConfig(_Model):
    """LoFTR: pairs of pictures, no keypoints. `matches`: how many of the surest are given; `threshold`: of their confidence."""

    role: Literal["dense_matcher"]
    family: Literal["loftr"]
    weights: WeightsConfig
    preprocess: PreprocessSpec
    matches: int = Field(default=256, ge=1, le=4096)
    threshold: float = Field(default=0.2, ge=0, lt=1)

    @model_validator(mode="after")
    def _square(self) -> Self:
        size, shown = self.preprocess.size_px, self.preprocess
        if size % 8 or not shown.grey or (shown.resize == "long_side" and shown.multiple_of != size):
            raise ValueError(
                f"model {self.name}: loftr needs preprocess.grey = true and a square whose side is a multiple of 8 "
                '(resize = "squash", or "long_side" with multiple_of = size_px)'
            )
        if self.matches > (size // 8) ** 2:
            raise ValueError(f"model {self.name}: {size} pixels have {(size // 8) ** 2} cells, fewer than matches")
        return self


AnyModel = Annotated[EmbedderConfig | LocalConfig | MatcherConfig | DenseMatcherConfig, Field(discriminator="role")]


class ModelConfig(BaseModel):
    """A whole model file. `base`: folder its relative paths start from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)
    models: tuple[AnyModel, ...] = Field(min_length=1)
    base: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("two models have the same name")
        for model in self.models:
            if isinstance(model, MatcherConfig) and self.local_of(model).architecture == "aliked-t16":
                raise ValueError(f"matcher {model.name}: no LightGlue knows the 64-number descriptors of aliked-t16")
        return self

    def local_of(self, matcher: MatcherConfig) -> LocalConfig:
        """The local feature a matcher is for.

        Raises:
            ValueError: it is not in this file.
        """
        for model in self.models:
            if isinstance(model, LocalConfig) and model.name == matcher.local:
                return model
        raise ValueError(f"matcher {matcher.name} is for {matcher.local!r}, which is not among the local features")


def read_config(source: Path | str) -> ModelConfig:
    """Read a model file; `default` (or the name of another file in export/configs) means the one that comes with Whorl.

    Raises:
        ArtifactError: no such file, not TOML, or not a model file; the message says where.
    """
    path = Path(source)
    shipped = CONFIGS / f"{source}.toml"
    if not path.suffix and not path.is_file() and shipped.is_file():
        path = shipped
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return ModelConfig.model_validate({**raw, "base": path.parent})
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise ArtifactError(
            f"model file {source} cannot be read ({error}); give a .toml file or one of: {names}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ArtifactError(f"model file {path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ArtifactError(f"model file {path}, {where}: {first['msg']}") from None
