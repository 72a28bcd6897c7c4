"""The policies Whorl ships before fitting: the yardsticks everyone knows, one for each step of the paper's ablation."""

import dataclasses
from collections.abc import Sequence

from service.artifacts.bundle import Bundle
from service.cascade.policy import Policy
from service.cascade.signals import EvidenceStage, Fusion, Shortlist

EVERY_ROW = 100_000
PLAIN = "plain_wildfusion"


def yardsticks(bundle: Bundle) -> dict[str, Fusion]:
    """Fusions to compare with: cosine of all backbones together and of each alone, RootSIFT, and plain WildFusion.

    `plain_wildfusion` (Cermak et al. 2024, with this bundle's models): the mean of the isotonic LightGlue counts and of the isotonic
    cosines, on the 30 images nearest by cosine. Its gallery is extracted as `plain_variant` says.
    """
    cosines = [f"cosine:{spec.name}" for spec in bundle.embedders]
    found = {"cosine": _everywhere(["cosine:all"])}
    found |= {stage.replace(":", "_"): _everywhere([stage]) for stage in cosines}
    if any(spec.kind == "rootsift" for spec in bundle.locals):
        found["rootsift"] = _everywhere(["ratio:rootsift"])
    if bundle.matchers:
        found[PLAIN] = wildfusion_of(plain_locals(bundle), [spec.name for spec in bundle.embedders])
    return found


def wildfusion_of(matched: Sequence[str], backbones: Sequence[str], *, nearest: int = 30) -> Fusion:
    """WildFusion: on the images nearest by cosine, the mean of isotonic LightGlue counts and isotonic cosines."""
    names = [*(f"lightglue:{local}" for local in matched), *(f"cosine:{backbone}" for backbone in backbones)]
    return Fusion(shortlist=Shortlist(by="image", size=nearest, sources=("cosine:all",)), stages=_stages(names))


def plain_locals(bundle: Bundle) -> list[str]:
    """The local features plain WildFusion matches with LightGlue: ALIKED and DISK, or all there are where these are missing."""
    matched = [spec.local for spec in bundle.matchers]
    return [name for name in matched if name in ("aliked", "disk")] or matched


def plain_variant(bundle: Bundle) -> Bundle:
    """The bundle with its local features as the WildFusion paper extracts them: squashed to 512 x 512, 256 keypoints."""
    matched = plain_locals(bundle)
    squashed = tuple(
        spec.model_copy(
            update={
                "preprocess": spec.preprocess.model_copy(update={"resize": "squash", "size_px": 512}),
                "keypoints": 256,
            }
        )
        for spec in bundle.locals
        if spec.name in matched
    )
    matchers = tuple(spec for spec in bundle.matchers if spec.local in matched)
    return dataclasses.replace(bundle, locals=squashed, matchers=matchers)


def describe(policy: Policy) -> str:
    """What a policy reads, in a line: `votes:disk + inliers:aliked`."""
    parts = [" + ".join(stage.stage for stage in fusion.stages) for fusion in policy.fusions()]
    return " | ".join(parts)


def _everywhere(stages: Sequence[str]) -> Fusion:
    return Fusion(shortlist=Shortlist(by="image", size=EVERY_ROW, sources=("cosine:all",)), stages=_stages(stages))


def _stages(names: Sequence[str]) -> tuple[EvidenceStage, ...]:
    return tuple(EvidenceStage(stage=name) for name in names)
