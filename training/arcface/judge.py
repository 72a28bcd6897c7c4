"""How good an embedding is on photos it was not trained on: right animal first, and strangers told from known animals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from service.cascade.values import F32, FLANKS, I64
from training.arcface.split import Labels

_NEVER = -2.0


@dataclass(frozen=True, slots=True)
class Trials:
    """One photo each.

    Attributes:
        right: [T] bool, the most similar photo shows the same animal (asked as a known animal, its encounter left out).
        known: [T] cosine to that photo; NaN where the animal has no other photo it may meet.
        stranger: [T] cosine to the most similar photo of any other animal: what the photo would see if nobody had enrolled it.
    """

    right: NDArray[np.bool_]
    known: F32
    stranger: F32

    @property
    def top1(self) -> float:
        """Share of known animals put first; NaN for none."""
        asked = ~np.isnan(self.known)
        return float(self.right[asked].mean()) if asked.any() else float("nan")


def ask(embeddings: F32, labels: Labels, queries: I64, gallery: I64) -> Trials:
    """Ask the rows `queries` of [N x E] embeddings against the rows `gallery`. O(Q G E).

    A photo meets no photo of its own encounter, and only its own flank where both are known.
    """
    cosines = embeddings[queries] @ embeddings[gallery].T
    mine, theirs = labels[queries], labels[gallery]
    flanks = np.isin(mine.viewpoints, FLANKS)[:, None] & np.isin(theirs.viewpoints, FLANKS)[None]
    other_flank = flanks & (mine.viewpoints[:, None] != theirs.viewpoints[None])
    cosines[other_flank | (mine.encounters[:, None] == theirs.encounters[None])] = _NEVER
    same = mine.individuals[:, None] == theirs.individuals[None]
    has_same = (same & (cosines > _NEVER)).any(1)
    best = cosines.argmax(1)
    stranger = np.where(same, _NEVER, cosines).max(1)
    return Trials(
        right=same[np.arange(len(queries)), best] & has_same,
        known=np.where(has_same, cosines.max(1), np.nan).astype(np.float32),
        stranger=np.where(stranger > _NEVER, stranger, np.nan).astype(np.float32),
    )


def auroc(known: F32, stranger: F32) -> float:
    """Probability that a known animal's best cosine is above a stranger's; NaN where one side is missing."""
    known, stranger = known[~np.isnan(known)], stranger[~np.isnan(stranger)]
    if not len(known) or not len(stranger):
        return float("nan")
    truth = np.repeat([1, 0], [len(known), len(stranger)])
    return float(roc_auc_score(truth, np.concatenate([known, stranger])))
