"""A bundle on disk: sealed models, what they want of their input, and the fitted policies.

bundle/<name>/  manifest.json  *.onnx  policies-<mark>.json (see service.artifacts.policies)  LICENSES/*
                heads/<species>-<mark>.onnx (see service.artifacts.heads)
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.artifacts.manifest import open_sealed, sha256_json
from service.cascade.preprocess import PreprocessSpec
from service.cascade.xgboost_stage import BoosterSpec
from service.errors import ArtifactError

KIND, FORMAT = "bundle", 1


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    file: str | None = None
    licence: str
    source: str
    weights_sha256: str | None = None


class EmbedderSpec(_Spec):
    """A global backbone. ONNX: `image` [B x C x H x W] float32 -> `embedding` [B x D] float32, L2-normalised by the caller, and where
    `activations` is True a second output `activations` [B x K x h x w] float32: the last layer as a grid, for heatmaps.

    `golden`: a few numbers of the normalised embedding of the canonical image (see service.cascade.golden), equal to 1e-3.
    """

    role: Literal["embedder"] = "embedder"
    preprocess: PreprocessSpec
    dim: int = Field(ge=1, le=65536)
    activations: bool = False
    golden: tuple[float, ...] = ()


class LocalSpec(_Spec):
    """Local features. ONNX (`kind` onnx): `image` [1 x C x H x W] float32 in [0, 1], H and W multiples of `preprocess.multiple_of`
    -> `keypoints` [K x 2] (x, y) in tensor pixels, `scores` [K] descending, `descriptors` [K x D] L2-normalised.
    `kind` rootsift: OpenCV, no file.
    """

    role: Literal["local"] = "local"
    kind: Literal["onnx", "rootsift"] = "onnx"
    preprocess: PreprocessSpec
    dim: int = Field(ge=1, le=1024)
    keypoints: int = Field(ge=16, le=8192)
    golden: tuple[float, ...] = ()


class MatcherSpec(_Spec):
    """LightGlue for one kind of local features, over a batch of pairs.

    `oriented`: it also looks at each keypoint's scale and orientation (SIFT's), as two more columns of `keypoints`.
    ONNX: `keypoints0` [B x N x 2] normalised to about [-1, 1], `descriptors0` [B x N x D], `mask0` [B x N] bool, and the same with 1
    -> `matches0` [B x N] int64 (index into the second image, -1: none), `confidences0` [B x N] float32 in [0, 1].
    """

    role: Literal["matcher"] = "matcher"
    local: str
    oriented: bool = False
    golden: tuple[float, ...] = ()


class DenseMatcherSpec(_Spec):
    """A matcher of pictures: no local features, nothing to store, both photos at hand.

    ONNX: `image0`, `image1` [B x C x S x S] float32 -> `points0`, `points1` [B x K x 2] (x, y) in tensor pixels, centres at integers,
    `confidences` [B x K] float32 in [0, 1], descending; 0 is no match.
    """

    role: Literal["dense_matcher"] = "dense_matcher"
    preprocess: PreprocessSpec
    matches: int = Field(ge=1, le=4096)
    golden: tuple[float, ...] = ()


ModelSpec = Annotated[EmbedderSpec | LocalSpec | MatcherSpec | DenseMatcherSpec, Field(discriminator="role")]
MODELS: TypeAdapter[list[ModelSpec]] = TypeAdapter(list[ModelSpec])


class HeadSpec(BaseModel):
    """A species' head on the frozen backbones. ONNX: `embeddings` [B x D] float32, the named backbones' L2-normalised embeddings side by
    side -> `embedding` [B x E] float32, L2-normalised by the caller.

    Attributes:
        backbones: names, in the order their embeddings are laid side by side.
        backbones_sha: identity of those models (see service.artifacts.heads); with others the head would answer nonsense.
        numbers: what it was chosen by, on held-out photos.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: str = Field(min_length=1, max_length=128)
    file: str = Field(pattern=r"^heads/[a-z0-9-]+\.onnx$")
    licence: str
    backbones: tuple[str, ...] = Field(min_length=1)
    backbones_sha: str = Field(pattern=r"^[0-9a-f]{64}$")
    dim: int = Field(ge=1, le=65536)
    golden: tuple[float, ...] = Field(min_length=1)
    numbers: dict[str, float] = {}


BOOSTERS: TypeAdapter[tuple[BoosterSpec, ...]] = TypeAdapter(tuple[BoosterSpec, ...])
HEADS: TypeAdapter[tuple[HeadSpec, ...]] = TypeAdapter(tuple[HeadSpec, ...])


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: where it lies, its sha256 and the specs of its models."""

    folder: Path
    name: str
    sha256: str
    embedders: tuple[EmbedderSpec, ...]
    locals: tuple[LocalSpec, ...]
    matchers: tuple[MatcherSpec, ...]
    files: dict[str, str] = dataclasses.field(repr=False, default_factory=dict)
    policies_file: str | None = None
    heads: tuple[HeadSpec, ...] = ()
    dense_matchers: tuple[DenseMatcherSpec, ...] = ()
    boosters: tuple[BoosterSpec, ...] = ()

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """Every model, by role."""
        return (*self.embedders, *self.locals, *self.matchers, *self.dense_matchers)

    @cached_property
    def features_sha(self) -> str:
        """Identity of everything that makes gallery vectors; galleries of another one are refused."""
        specs: list[EmbedderSpec | LocalSpec] = [*self.embedders, *self.locals]
        return sha256_json([self.model_sha(spec) for spec in specs])

    def model_sha(self, spec: EmbedderSpec | LocalSpec) -> str:
        """Identity of one model's output: its file, its preprocessing and how much of it is kept."""
        kept = spec.model_dump(mode="json", include={"name", "preprocess", "dim", "keypoints", "kind"})
        return sha256_json([kept, self.files.get(spec.file) if spec.file else None])


def open_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        ArtifactError: not a bundle, damaged, or specs this version does not understand.
    """
    body, sha256 = open_sealed(folder, KIND, FORMAT)
    try:
        specs = MODELS.validate_python(body["models"])
        heads = HEADS.validate_python(body.get("heads", ()))
        boosters = BOOSTERS.validate_python(body.get("boosters", ()))
    except (ValidationError, KeyError) as error:
        raise ArtifactError(f"{folder}/manifest.json: models cannot be read: {str(error).splitlines()[0]}") from None
    missing = [spec.file for spec in (*specs, *heads, *boosters) if spec.file and spec.file not in body["files"]]
    if missing:
        raise ArtifactError(f"{folder}: no checksum for {', '.join(missing)}: build the bundle again")
    return Bundle(
        folder=folder,
        name=str(body["name"]),
        sha256=sha256,
        embedders=tuple(s for s in specs if isinstance(s, EmbedderSpec)),
        locals=tuple(s for s in specs if isinstance(s, LocalSpec)),
        matchers=tuple(s for s in specs if isinstance(s, MatcherSpec)),
        files=dict(body["files"]),
        policies_file=body.get("policies"),
        heads=heads,
        boosters=boosters,
        dense_matchers=tuple(s for s in specs if isinstance(s, DenseMatcherSpec)),
    )
