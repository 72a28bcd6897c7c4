"""The policies Whorl ships before fitting: the yardsticks everyone knows, and the family `fitted` is chosen from."""

import dataclasses
from collections.abc import Sequence

from service.artifacts.bundle import Bundle
from service.cascade.policy import EvidenceStage, Policy, Shortlist

EVERY_ROW = 100_000
PLAIN = "plain_wildfusion"


def yardsticks(bundle: Bundle) -> dict[str, Policy]:
    """Policies to compare with: cosine of all backbones together and of each alone, RootSIFT, and plain WildFusion.

    `plain_wildfusion` (Cermak et al. 2024, with this bundle's models): the mean of the isotonic LightGlue counts and of the isotonic
    cosines, on the 30 images nearest by cosine. Its gallery is extracted as `plain_variant` says.
    """
    every = Shortlist(by="image", size=EVERY_ROW, sources=("cosine:all",))
    cosines = [f"cosine:{spec.name}" for spec in bundle.embedders]
    found = {"cosine": _policy("cosine", ["cosine:all"], every)}
    found |= {stage.replace(":", "_"): _policy(stage.replace(":", "_"), [stage], every) for stage in cosines}
    if any(spec.kind == "rootsift" for spec in bundle.locals):
        found["rootsift"] = _policy("rootsift", ["ratio:rootsift"], every)
    if bundle.matchers:
        nearest = Shortlist(by="image", size=30, sources=("cosine:all",))
        glues = [f"lightglue:{spec.local}" for spec in bundle.matchers]
        found[PLAIN] = _policy(PLAIN, [*glues, *cosines], nearest)
    return found


def plain_variant(bundle: Bundle) -> Bundle:
    """The bundle with its local features as the WildFusion paper extracts them: squashed to 512 x 512, 256 keypoints."""
    matched = {spec.local for spec in bundle.matchers}
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
    return dataclasses.replace(bundle, locals=squashed)


def _policy(name: str, stages: Sequence[str], shortlist: Shortlist) -> Policy:
    return Policy(name=name, shortlist=shortlist, stages=tuple(EvidenceStage(stage=s) for s in stages))
