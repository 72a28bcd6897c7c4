"""Margin: the images that stand between two clusters first.

An image's score is s_1 - s_2, its cosines to the centroids of its two best clusters of view A; an outlier is a cluster of its own, but not
one of its own best. It is compared with the medoids of its best clusters, one question a cycle while the budget is small, until a
must-link or five answers: spec section 8, our form of the classic rule (Scheffer et al. 2001).
"""

import numpy as np

from service.clustering.pairs import Pair
from training.samplers.clusters import clusters_of, questions_of
from training.samplers.state import State


def select(state: State, budget: int) -> list[Pair]:
    """Questions of the images in order of their margin, ties by index; an image with fewer than two clusters to choose from is last.

    What is left of the budget when all are asked goes to what the stopping rule spared, best clusters first; where there are few clusters
    fewer pairs than the budget come back. No chance. O(N C D) for C clusters.
    """
    questions, similarity = questions_of(state, clusters_of(state.a, state.features), budget)
    both = np.isfinite(similarity[:, 1])
    margin = np.full(len(state), np.inf)
    margin[both] = similarity[both, 0] - similarity[both, 1]
    return state.ask(questions.ask(np.argsort(margin, kind="stable").tolist()), budget)
