"""What each stage added to a candidate's fused probability, and so which stages put the best ahead of the runner-up.

`mean` and `rank` add up to the fused probability itself, `logistic` to its log-odds (see service.cascade.wildfusion); what re-ranking moved
afterwards is one more summand. A booster weighs its evidence jointly and a gate looks at no rows: neither has summands.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.cascade import wildfusion
from service.cascade.evidence import Evidence
from service.cascade.signals import CHEAP, EvidenceStage, Fusion
from service.cascade.values import I64, Candidate, Contributions

F64 = NDArray[np.float64]
RERANKING = "re-ranking"
"""Stands among the stages for what re-ranking moved."""

_TOLD = 2  # stages a sentence names


def contributions(
    evidence: Evidence, fusion: Fusion, identity_of: I64, place: int, fused: float
) -> Contributions | None:
    """The summands of one shortlisted row; None where the fusion has none.

    Args:
        evidence: settled, or taken as it is. identity_of: [N] individual of each gallery row.
        place: of the row in `evidence.rows`. fused: its probability after re-ranking.

    O(R log R) a stage for R shortlisted rows.
    """
    share = _SHARES.get(fusion.fusion)
    if share is None:
        return None
    settled = Evidence(evidence.rows, evidence.similarities, {})
    identity = identity_of[evidence.rows]
    stages = {stage.stage: float(share(settled, stage, fusion, identity)[place]) for stage in fusion.stages}
    odds = fusion.fusion == "logistic"
    base = fusion.intercept if odds else 0.0
    if fusion.rerank is None:
        return Contributions("log-odds" if odds else "probability", base, stages)
    before = float(wildfusion.fuse(settled, fusion, identity_of)[place])
    moved = _logit(fused) - _logit(before) if odds else fused - before
    return Contributions("log-odds" if odds else "probability", base, stages, moved)


def _mean_share(evidence: Evidence, stage: EvidenceStage, fusion: Fusion, _: I64) -> F64:
    similarity = wildfusion.range_of(evidence, stage)[0]
    probability = similarity if stage.calibrator is None else stage.calibrator(similarity)
    return np.asarray(_weight(stage, fusion) * probability, np.float64)


def _logistic_share(evidence: Evidence, stage: EvidenceStage, _fusion: Fusion, identity: I64) -> F64:
    scaled = wildfusion.own_scale(stage.kind, wildfusion.range_of(evidence, stage)[0])
    ahead = wildfusion.lead(scaled, identity, stage.kind) if stage.lead_slope else np.zeros_like(scaled)
    return np.asarray(stage.slope * scaled.astype(np.float64) + stage.lead_slope * ahead, np.float64)


def _rank_share(evidence: Evidence, stage: EvidenceStage, fusion: Fusion, identity: I64) -> F64:
    rank = wildfusion.reciprocal_rank(evidence.similarities[stage.stage], identity)
    return np.asarray(_weight(stage, fusion) * rank, np.float64)


_SHARES: Mapping[str, Callable[[Evidence, EvidenceStage, Fusion, I64], F64]] = {
    "mean": _mean_share,
    "logistic": _logistic_share,
    "rank": _rank_share,
}


def _weight(stage: EvidenceStage, fusion: Fusion) -> float:
    return stage.weight / sum(other.weight for other in fusion.stages)


def _logit(probability: float) -> float:
    clipped = min(max(probability, 1e-12), 1 - 1e-12)
    return float(np.log(clipped / (1 - clipped)))


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """Why the second candidate is second.

    Attributes:
        sentence: for a person.
        leads: stage -> how much more it gave the best, largest first; negative where the runner-up was ahead; empty without summands.
    """

    sentence: str
    leads: Mapping[str, float]


def runner_up(candidates: Sequence[Candidate]) -> RunnerUp | None:
    """Why the second of the candidates (best first) is behind the first; None where there is no second."""
    if len(candidates) < 2:
        return None
    best, other = candidates[:2]
    names = f"{other.identity.name} is behind {best.identity.name}"
    if best.contributions is None or other.contributions is None:
        return RunnerUp(f"{names}: {_no_summands(best)}", {})
    leads = _leads(best.contributions, other.contributions)
    ahead = [stage for stage, by in leads.items() if by > 0][:_TOLD]
    if not ahead or sum(leads.values()) <= 0:
        return RunnerUp(
            f"{names} over all photos of the encounter together, not by its most similar photo alone", leads
        )
    sentence = f"{names} {_because(ahead, best, other, leads)}"
    against = min(leads, key=lambda stage: leads[stage])
    if leads[against] < 0:
        sentence += f"; it is ahead on {_told(against, other, best)}"
    return RunnerUp(sentence, leads)


def _leads(best: Contributions, other: Contributions) -> dict[str, float]:
    by = {stage: value - other.stages.get(stage, 0.0) for stage, value in best.stages.items()}
    if moved := best.reranked - other.reranked:
        by[RERANKING] = moved
    return dict(sorted(by.items(), key=lambda item: -item[1]))


def _because(stages: Sequence[str], best: Candidate, other: Candidate, leads: Mapping[str, float]) -> str:
    won = sum(by for by in leads.values() if by > 0)
    share = sum(leads[stage] for stage in stages) / won
    all_of_it = "all" if share > 0.995 else f"{share:.0%}"
    told = " and ".join(_told(stage, other, best) for stage in stages)
    return f"on {told}: {all_of_it} of what puts {best.identity.name} ahead"


def _told(stage: str, first: Candidate, second: Candidate) -> str:
    """A stage with what it saw of both, in its own unit."""
    if stage not in first.evidence or stage not in second.evidence:
        return "re-ranking by common neighbours" if stage == RERANKING else stage
    ours, theirs = (candidate.evidence[stage]["similarity"] for candidate in (first, second))
    return f"{stage} ({_amount(stage, ours)} against {_amount(stage, theirs)})"


def _amount(stage: str, similarity: float) -> str:
    if math.isnan(similarity):
        return "never matched"
    if stage.split(":", maxsplit=1)[0] in CHEAP:
        return f"{similarity:.2f}"
    return f"{similarity:.0f} points"


def _no_summands(best: Candidate) -> str:
    if not best.evidence:
        return "the gate judged the whole photo at once, so there are no stages to compare"
    return "the pairwise booster weighs all evidence jointly, so no stage has a share of its own"
