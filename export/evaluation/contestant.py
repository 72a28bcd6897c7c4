"""One policy ready to be asked about one species: what it sees of the gallery and of a query, and the tools its signals name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from export.fit.booster_onnx import write_booster
from export.fit.boosters import FittedBooster
from export.fit.choose import Choice
from export.fit.head import HeadWeights
from export.fit.tuned import concatenated_rows
from service.artifacts.boosters import load_booster
from service.cascade.arcface_stage import TUNED
from service.cascade.encounter import Tools
from service.cascade.policy import POOLED, Policy
from service.cascade.tools import BoosterModel, make_tools, with_tuned
from service.cascade.values import Features, Gallery


@dataclass(frozen=True, slots=True)
class Contestant:
    """A policy and what it stands on.

    Attributes:
        gallery: as the policy sees it, with the tuned space where there is a head.
        head: turns a query's embeddings; None: the policy reads the backbones alone.
    """

    policy: Policy
    gallery: Gallery
    tools: Tools = field(default_factory=Tools)
    head: HeadWeights | None = None

    def see(self, features: Features) -> Features:
        """A query's features with the tuned embedding beside the others."""
        if self.head is None:
            return features
        joined = np.concatenate([features.embeddings[name] for name in self.gallery.backbones])[None]
        return Features({**features.embeddings, TUNED: self.head(joined)[0]}, features.local)


def contestant(
    policy: Policy, gallery: Gallery, head: HeadWeights | None, boosters: Mapping[str, FittedBooster]
) -> Contestant:
    """Make a policy ready. `boosters`: by the name the policy gives them."""
    seen = gallery if head is None else with_tuned(gallery, head(concatenated_rows(gallery)))
    models = {name: _loaded(fitted, name) for name, fitted in boosters.items()}
    return Contestant(policy, seen, make_tools(policy, seen, models), head)


def contestants(choice: Choice, galleries: Mapping[str, Gallery]) -> dict[str, Contestant]:
    """A choice's policy for every species."""
    found = {}
    for species, gallery in galleries.items():
        policy = choice.policies.get(species) or choice.policies[POOLED]
        found[species] = contestant(policy, gallery, choice.heads.get(species), choice.boosters.get(species, {}))
    return found


def _loaded(fitted: FittedBooster, name: str) -> BoosterModel:
    """A booster as the service runs it: through onnxruntime."""
    with TemporaryDirectory(prefix="whorl-booster-") as folder:
        return load_booster(Path(folder), write_booster(fitted, Path(folder), name, species=POOLED))
