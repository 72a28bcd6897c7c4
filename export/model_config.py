"""The declarative model file: which networks go into a bundle, with which weights, preprocessing and licence."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.weights import WeightsConfig
from service.cascade.preprocess import PreprocessSpec
from service.errors import ArtifactError

CONFIGS = Path(__file__).parent / "configs"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    licence: str = Field(min_length=1)
    copyright: str = Field(min_length=1)


class EmbedderConfig(_Model):
    """A backbone. `pooling` and `blocks` are DINOv2's; `architecture` is timm's name, where the family has more than one."""

    role: Literal["embedder"]
    family: Literal["efficientnet_lite", "dinov2", "timm", "miewid"]
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
    """A local feature. RootSIFT has no weights; the others need them."""

    role: Literal["local"]
    family: Literal["aliked", "disk", "rootsift"]
    preprocess: PreprocessSpec
    keypoints: int = Field(default=512, ge=16, le=8192)
    weights: WeightsConfig | None = None

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if (self.weights is None) != (self.family == "rootsift"):
            raise ValueError(
                f"model {self.name}: {self.family} {'needs weights' if self.weights is None else 'has no weights'}"
            )
        step = {"aliked": 32, "disk": 16}.get(self.family, 1)
        if self.preprocess.multiple_of % step or (
            self.preprocess.resize == "squash" and self.preprocess.size_px % step
        ):
            raise ValueError(f"model {self.name}: {self.family} needs preprocess.multiple_of = {step}")
        return self


class MatcherConfig(_Model):
    """LightGlue for the local feature called `local`."""

    role: Literal["matcher"]
    family: Literal["lightglue"]
    local: str
    weights: WeightsConfig


AnyModel = Annotated[EmbedderConfig | LocalConfig | MatcherConfig, Field(discriminator="role")]


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
        locals_ = {model.name: model for model in self.models if isinstance(model, LocalConfig)}
        for model in self.models:
            if isinstance(model, MatcherConfig) and model.local not in locals_:
                raise ValueError(f"matcher {model.name} is for {model.local!r}, which is not among the local features")
        return self


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
