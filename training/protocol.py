"""How a run of active learning is judged (AAS, arXiv 2511.06658, section 4): retrieval from a few exemplars an animal.

1. The rows of the file get their parts (training.evaluation.roles says which, by kind of file).
2. The run's seed holds out 20 % of the training individuals, from the gallery and, unless asked otherwise, from training.
3. The gallery is made of at most five exemplars of each other individual: the images nearest its mean as the FROZEN starting embedding
   sees them (the paper asks MegaDescriptor; here it is the backbones the learner starts from). They are chosen once, with true labels, and
   stay the same for all samplers and cycles of a seed.
4. Every query is ranked against the gallery images it may meet: none of its own encounter, equal flanks only, its own species. A query
   whose individual is not in the gallery is a stranger. One that is in it, but only by images it may not meet, is left out and counted.
5. mAP, mINP, top-1/3/5/10, baks_closed over known queries, AUROC of the greatest similarity, known against strangers.
   Several data sets are averaged alike (macro).
"""

from dataclasses import asdict, dataclass

import numpy as np

from service.cascade.values import F32, I64
from service.errors import InputError
from training.evaluation.exemplars import EXEMPLARS, exemplars
from training.evaluation.retrieval import FIGURES, Answer, figures, may_meet, retrieve
from training.evaluation.split import Split

__all__ = ["FIGURES", "Counts", "Protocol"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was compared.

    Attributes:
        learned: images of the loop. gallery, individuals: enrolled images and animals. held_out: animals left out.
        known, strangers: queries that count. left_out: known queries that may meet no image of their own animal, and others that
            may meet no image at all.
    """

    learned: int
    gallery: int
    individuals: int
    held_out: int
    known: int
    strangers: int
    left_out: int

    def plain(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


class Protocol:
    """One split's gallery and queries.

    Args:
        frozen: [N x D] float32, L2-normalised, of all rows of the split, by the model as it starts; it chooses the exemplars.
        most: exemplars an individual.

    Attributes:
        gallery: [G] int64 rows, sorted.

    Raises:
        InputError: not one embedding a row.
    """

    def __init__(self, split: Split, frozen: F32, *, most: int = EXEMPLARS) -> None:
        self._split = split
        self._checked(frozen)
        enrolled = split.enrolled
        self.gallery: I64 = enrolled[exemplars(frozen[enrolled], split.labels.individuals[enrolled], most)]
        self._queries, self._enrolled = split.labels[split.asked], split.labels[self.gallery]
        same_species = split.species[split.asked][:, None] == split.species[self.gallery][None]
        self._allowed = may_meet(self._queries, self._enrolled) & same_species

    def figures(self, features: F32) -> dict[str, float]:
        """Every figure of FIGURES for [N x E] float32, L2-normalised, embeddings of all rows. O(Q G (E + log G)).

        Raises:
            InputError: not one embedding a row.
        """
        return figures([answer for answer in self._answers(features) if answer is not None])

    def counts(self) -> Counts:
        """How many of everything. They depend on the split alone."""
        answers = self._answers(np.zeros((len(self._split.labels), 1), np.float32))
        known = [answer.outcome.known for answer in answers if answer is not None]
        return Counts(
            learned=len(self._split.learned),
            gallery=len(self.gallery),
            individuals=len(np.unique(self._enrolled.individuals)),
            held_out=len(self._split.held_out),
            known=sum(known),
            strangers=len(known) - sum(known),
            left_out=len(answers) - len(known),
        )

    def _answers(self, features: F32) -> list[Answer | None]:
        rows = self._checked(features)
        similarity = rows[self._split.asked] @ rows[self.gallery].T
        return retrieve(similarity, self._allowed, self._queries, self._enrolled)

    def _checked(self, features: F32) -> F32:
        if features.ndim != 2 or len(features) != len(self._split.labels):
            raise InputError(
                f"embeddings of {len(self._split.labels)} rows expected, not {features.shape}", where="features"
            )
        return features
