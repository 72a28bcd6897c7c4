"""The steps of the ablation table (Semenova, CLEF 2025) as policies: each adds one stage to the one before."""

from collections.abc import Sequence

from export.policies import EVERY_ROW, wildfusion_of
from export.presets import DUAL_BACKBONE, GATE, WILDFUSION, dual_backbone
from service.cascade.calibration import Calibrator
from service.cascade.policy import Policy, Rule, VerdictRule
from service.cascade.signals import EvidenceStage, Fusion, Gate, Rerank, Shortlist, Signal

FIXED, COSINE, WILD, RERANKED, GATED, CASCADE = STEPS = (
    "cosine_fixed", "cosine", "plain_wildfusion", "reranked", "gated", "cascade",
)  # fmt: skip
WHAT = {
    FIXED: "cosine of the backbones, one threshold 0.6",
    COSINE: "cosine 1-NN, the species' own threshold",
    WILD: "WildFusion",
    RERANKED: "+ k-reciprocal re-ranking",
    GATED: "+ XGBoost gate over WildFusion",
    CASCADE: "+ dual-backbone ArcFace, per-species cascade",
}


def step(name: str, matched: Sequence[str], backbones: Sequence[str]) -> Policy:
    """One step, its thresholds still the paper's (lynx).

    Args:
        matched: local features with a LightGlue. backbones: names of the bundle's backbones.

    Raises:
        KeyError: not one of STEPS.
    """
    wild = wildfusion_of(matched, backbones)
    closer = wild.model_copy(update={"rerank": Rerank()})
    gate, dual = Gate(booster=GATE), dual_backbone()
    fused = Rule(signal=WILDFUSION, new_below=0.397)
    overruled = Rule(signal=GATE, known_from=0.99)
    last = Rule(signal=DUAL_BACKBONE, new_below=0.64, known_from=0.893)
    signals: dict[str, tuple[dict[str, Signal], tuple[Rule, ...]]] = {
        FIXED: ({COSINE: _fixed_cosine()}, (Rule(signal=COSINE, new_below=0.6),)),
        COSINE: ({COSINE: _fixed_cosine()}, (Rule(signal=COSINE, new_below=0.655),)),
        WILD: ({WILDFUSION: wild}, (fused,)),
        RERANKED: ({WILDFUSION: closer}, (fused,)),
        GATED: ({WILDFUSION: closer, GATE: gate}, (fused, overruled)),
        CASCADE: ({WILDFUSION: closer, GATE: gate, DUAL_BACKBONE: dual}, (fused, overruled, last)),
    }
    read, rules = signals[name]
    return Policy(name=name, signals=read, rules=rules, verdict=VerdictRule(certified=False))


def _fixed_cosine() -> Fusion:
    """The cosine itself, uncalibrated, of every row."""
    stage = EvidenceStage(stage="cosine:all", calibrator=Calibrator(x=(0.0, 1.0), y=(0.0, 1.0)))
    return Fusion(shortlist=Shortlist(by="image", size=EVERY_ROW, sources=("cosine:all",)), stages=(stage,))
