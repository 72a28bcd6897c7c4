"""What the cascade takes and gives: plain values, arrays inside, no behaviour beyond looking up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

F32: TypeAlias = NDArray[np.float32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Bool: TypeAlias = NDArray[np.bool_]

VerdictName: TypeAlias = Literal["known", "new", "review"]
FLANKS = ("left", "right")


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """Keypoints and descriptors of one annotation.

    Attributes:
        keypoints: [K x 2] float32, (x, y) in pixels of the annotation's own crop; pixel centres are integers.
        descriptors: [K x D] float32, L2-normalised rows.
        scores: [K] float32, detector confidence, descending.
        size_px: (width, height) of the crop.
    """

    keypoints: F32
    descriptors: F32
    scores: F32
    size_px: tuple[int, int]

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True, slots=True)
class Features:
    """Everything a model says of one annotation, by model name.

    Attributes:
        embeddings: backbone name -> [D] float32, L2-normalised.
        local: local-feature name -> LocalFeatures.
    """

    embeddings: Mapping[str, F32]
    local: Mapping[str, LocalFeatures]


@dataclass(frozen=True, slots=True)
class QueryAnnotation:
    """One animal in one photo of the query.

    Attributes:
        image: [H x W x 3] uint8 RGB, already cropped to the animal's box.
        mask: [H x W] bool, True on the animal; keypoints off it are dropped. None: the whole crop.
    """

    image: U8
    viewpoint: str | None = None
    mask: Bool | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One encounter to identify: 1..n annotations of the same animal, never matched against each other.

    Attributes:
        encounter: its id in the catalogue, where it has one; gallery rows of the same encounter are left out.
        far: requested false-accept rate in (0, 1); None: the policy's default.
    """

    annotations: tuple[QueryAnnotation, ...]
    species: str
    encounter: str | None = None
    far: float | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One individual as the catalogue knows it. `status`: provisional | confirmed."""

    id: str
    name: str
    status: str = "confirmed"


@dataclass(frozen=True, slots=True)
class PackedLocal:
    """Local features of all gallery rows, laid end to end (memory-mapped from the snapshot).

    Attributes:
        keypoints: [T x 2] float32; row i owns offsets[i]:offsets[i + 1].
        descriptors: [T x D] float16 or float32.
        scores: [T] float32.
        offsets: [N + 1] int64.
        sizes_px: [N x 2] int64, (width, height).
    """

    keypoints: NDArray[Any]
    descriptors: NDArray[Any]
    scores: NDArray[Any]
    offsets: I64
    sizes_px: I64

    def row(self, i: int) -> LocalFeatures:
        """Local features of gallery row `i` as float32."""
        part = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        width, height = self.sizes_px[i]
        return LocalFeatures(
            np.asarray(self.keypoints[part], np.float32),
            np.asarray(self.descriptors[part], np.float32),
            np.asarray(self.scores[part], np.float32),
            (int(width), int(height)),
        )


class VectorIndex(Protocol):
    """The part of a FAISS index the cascade uses."""

    ntotal: int

    def search(self, x: F32, k: int, *, params: Any = None) -> tuple[F32, I64]:
        """[Q x D] -> similarities [Q x k] and rows [Q x k] (-1: none). `params`: faiss.SearchParameters."""
        ...


@dataclass(frozen=True, slots=True)
class DescriptorIndex:
    """The descriptors of a gallery, searchable.

    Attributes:
        index: finds keys; a descriptor's key is row * stride + its place in the row (PackedLocal's order).
        stride: keys a row, a multiple of 8.
        local: where the nearest are fetched to be compared exactly; None: too many, the index's own similarities stand.
    """

    index: VectorIndex
    stride: int
    local: PackedLocal | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """The searchable individuals of one species: immutable, read from one snapshot.

    Attributes:
        identities: the M individuals.
        identity_of: [N] int64, row -> index into `identities`.
        encounters: [N] encounter ids ("" where the photo has none).
        viewpoints: [N] viewpoint words ("" where unknown).
        annotations: [N] annotation ids in the catalogue.
        photos: [N] sha256 of the photo each row was cut from.
        boxes: [N x 4] int64, x, y, w, h of the crop in that photo (after EXIF rotation); w = 0: the whole photo.
        embeddings: backbone (or tuned head) name -> [N x D] float32, L2-normalised.
        backbones: names of the bundle's own backbones, sorted; `embeddings` may hold tuned ones beside them.
        indexes: "all" -> FAISS index (inner product) over the backbones' vectors laid end to end, names in order, normalised.
        local: local-feature name -> PackedLocal.
        descriptor_indexes: local-feature name -> searchable index over all its descriptors, in PackedLocal order.
        flank_of: [N] int8, 0 where the row shows no stated flank, else 1 + its place in FLANKS (made here: no query compares words).
        everyone: [N] bool, all True, read only.
        seen_from: [M x 3] bool, whether an individual has a row of that flank code.
    """

    species: str
    version: str
    features_sha: str
    identities: tuple[Identity, ...]
    identity_of: I64
    encounters: NDArray[np.str_]
    viewpoints: NDArray[np.str_]
    annotations: NDArray[np.str_]
    photos: NDArray[np.str_]
    boxes: I64
    embeddings: Mapping[str, NDArray[np.float32]]
    indexes: Mapping[str, VectorIndex]
    local: Mapping[str, PackedLocal]
    descriptor_indexes: Mapping[str, DescriptorIndex] = field(default_factory=dict)
    backbones: tuple[str, ...] = ()
    flank_of: NDArray[np.int8] = field(init=False)
    seen_from: Bool = field(init=False)
    everyone: Bool = field(init=False)

    def __post_init__(self) -> None:
        flank_of = np.zeros(len(self.identity_of), np.int8)
        for code, flank in enumerate(FLANKS, 1):
            flank_of[self.viewpoints == flank] = code
        seen_from = np.zeros((len(self.identities), 1 + len(FLANKS)), bool)
        seen_from[self.identity_of, flank_of] = True
        if not self.backbones:
            object.__setattr__(self, "backbones", tuple(sorted(self.embeddings)))
        object.__setattr__(self, "flank_of", flank_of)
        object.__setattr__(self, "seen_from", seen_from)
        object.__setattr__(self, "everyone", np.ones(len(self.identity_of), bool))
        self.everyone.flags.writeable = False

    def __len__(self) -> int:
        return len(self.identity_of)


@dataclass(frozen=True, slots=True)
class MatchEvidence:
    """Lines a person can look at: which points of which query photo meet which points of which gallery photo.

    Attributes:
        model: local-feature name.
        query_annotation: index into the query's annotations.
        gallery_row: row of the gallery.
        query_points, gallery_points: [L x 2] float32, pixels of each crop; line l joins row l of both.
        confidences: [L] float32 in [0, 1].
    """

    model: str
    query_annotation: int
    gallery_row: int
    query_points: F32
    gallery_points: F32
    confidences: F32


@dataclass(frozen=True, slots=True)
class Contributions:
    """Summands of a candidate's most probable photo: base + sum of stages + reranked.

    Attributes:
        scale: what they add up to: the photo's fused `probability`, or its `log-odds`.
        base: what everyone starts from.
        stages: stage name -> what it added.
        reranked: what re-ranking moved afterwards.
    """

    scale: Literal["probability", "log-odds"]
    base: float
    stages: Mapping[str, float]
    reranked: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One individual the query may be.

    Attributes:
        identity: who.
        probability: fused, calibrated probability in [0, 1] that the query is this individual.
        evidence: stage name -> raw similarity and calibrated probability, e.g. {"votes:aliked": {"similarity": 3.1, "probability": 0.8}}.
        gallery_row: the individual's most similar row (the photo to show).
        matches: line evidence against that row, best first; empty where no local stage ran.
        contributions: what each stage added; None where a gate or booster decided.
    """

    identity: Identity
    probability: float
    evidence: Mapping[str, Mapping[str, float]]
    gallery_row: int
    matches: tuple[MatchEvidence, ...] = ()
    contributions: Contributions | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage that ran: its name, how long it took, how many candidates it looked at."""

    name: str
    duration_ms: float
    candidates: int


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer to one query.

    Attributes:
        verdict: known | new | review.
        identity: the individual, where the verdict is `known`.
        probability: of the best candidate (0 where there is none).
        p_new: calibrated probability that the animal is in no gallery row.
        candidates: best first, at most the policy's number.
        reasons: short sentences for a person.
        policy: name of the policy that decided.
        matched: how many individuals were matched point by point. cut_short: whether the request's time ended it.
    """

    verdict: VerdictName
    identity: Identity | None
    probability: float
    p_new: float
    candidates: tuple[Candidate, ...]
    reasons: tuple[str, ...]
    stages: tuple[Stage, ...]
    policy: str
    threshold: float
    gallery_version: str
    matched: int = 0
    cut_short: bool = False
