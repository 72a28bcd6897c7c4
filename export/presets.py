"""The three cascades of Semenova (CLEF 2025) as policies, with their published thresholds.

They were published for MegaDescriptor-L-384 and MiewID with a dual-backbone ArcFace model a species. With other networks the thresholds
mean little until `python -m export fit --policy NAME` has found new ones.
"""

from collections.abc import Sequence

from export.policies import wildfusion_of
from service.cascade.arcface_stage import TUNED
from service.cascade.calibration import Calibrator
from service.cascade.policy import Policy, Rule, VerdictRule
from service.cascade.signals import EvidenceStage, Fusion, Gate, Rerank, Shortlist

GATE = "gate"
WILDFUSION, DUAL_BACKBONE = "wildfusion", "dual_backbone"
PAPER_NEAREST = 300
PRESETS = ("lynx", "salamander", "turtle")


def preset(name: str, matched: Sequence[str], backbones: Sequence[str]) -> Policy:
    """One of the paper's cascades.

    Args:
        matched: local features with a LightGlue. backbones: names of the bundle's backbones.

    Raises:
        KeyError: not one of PRESETS.
    """
    fused = wildfusion_of(matched, backbones, nearest=PAPER_NEAREST)
    dual = dual_backbone()
    if name == "lynx":
        return _policy(
            name,
            {
                WILDFUSION: fused.model_copy(update={"rerank": Rerank()}),
                GATE: Gate(booster=GATE),
                DUAL_BACKBONE: dual,
            },
            Rule(signal=WILDFUSION, new_below=0.397),
            Rule(signal=GATE, known_from=0.99),
            Rule(signal=DUAL_BACKBONE, new_below=0.64, known_from=0.893),
        )
    if name == "salamander":
        return _policy(
            name,
            {WILDFUSION: fused, DUAL_BACKBONE: dual},
            Rule(signal=WILDFUSION, new_below=0.13),
            Rule(signal=DUAL_BACKBONE, new_below=0.62, known_from=0.80),
        )
    return {"turtle": _policy(name, {DUAL_BACKBONE: dual}, Rule(signal=DUAL_BACKBONE, new_below=0.703))}[name]


def dual_backbone() -> Fusion:
    """Stage 4: the 50 images nearest in the tuned space, confidence (cos + 1) / 2."""
    stage = EvidenceStage(stage=f"cosine:{TUNED}", calibrator=Calibrator(x=(-1.0, 1.0), y=(0.0, 1.0)))
    return Fusion(shortlist=Shortlist(by="image", size=50, sources=(stage.stage,)), stages=(stage,))


def _policy(name: str, signals: dict[str, Fusion | Gate], *rules: Rule) -> Policy:
    return Policy(name=name, signals=signals, rules=rules, verdict=VerdictRule(certified=False))
