"""Self-paced contrastive learning (SpCL, Ge et al., NeurIPS 2020; values of github.com/yxgeee/SpCL): an epoch's labels, and the epoch.

features of all images -> Jaccard distances -> pseudo_labels -> (NP3 with the answers so far) -> memory.relabel -> train_epoch
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from scipy.sparse import csr_array
from torch import Tensor

from service.cascade.values import I64
from service.clustering.dbscan import dbscan
from service.errors import InputError
from training.learning.batches import BATCH, INSTANCES, batches
from training.memory import HybridMemory
from training.reliability import spcl_reliability

DBSCAN_EPS = 0.6  # not the 0.6 that mixes the two pools of pairs
EPS_GAP = 0.02
MIN_SAMPLES = 4
RATE = 3.5e-4
DECAY = 5e-4
STEP_EPOCHS = 20
_STEP_FACTOR = 0.1


def pseudo_labels(
    distances: csr_array,
    *,
    eps: float = DBSCAN_EPS,
    gap: float = EPS_GAP,
    min_samples: int = MIN_SAMPLES,
    threshold: float | None = None,
) -> tuple[I64, float]:
    """DBSCAN at three scales on one graph; what does not hold at all three is an outlier. O(stored distances).

    Args:
        distances: [N x N] sparse Jaccard distances, every one up to eps + gap stored.
        threshold: of independence. None: the first epoch, which chooses it; later, what the first returned.

    Returns:
        [N] int64 labels, -1 for outliers, and the threshold. Answered pairs are not looked at: NP3 comes after.

    Raises:
        InputError: the gap is negative or not below eps; or as `dbscan`.
    """
    if not 0 <= gap < eps:
        raise InputError(f"the gap between scales must be 0 or more and below eps {eps}, not {gap}", where="gap")
    labels, tight, loose = (dbscan(distances, radius, min_samples) for radius in (eps, eps - gap, eps + gap))
    return spcl_reliability(labels, tight, loose, threshold)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, on what and how fast. Defaults are the published ones, but for the iterations (400).

    Attributes:
        seed: of everything random, together with the epoch's number.
        lr, weight_decay: of Adam; the rate falls tenfold every 20 epochs.
        batch, instances, iterations: as in `batches`.
    """

    seed: int = 0
    lr: float = RATE
    weight_decay: float = DECAY
    batch: int = BATCH
    instances: int = INSTANCES
    iterations: int | None = None

    def adam(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Adam:
        """The optimiser of a whole run."""
        return torch.optim.Adam(parameters, lr=self.lr, weight_decay=self.weight_decay)

    def rate_at(self, epoch: int) -> float:
        """StepLR(20, 0.1), as a function of the epoch: nothing to remember between epochs."""
        return self.lr * _STEP_FACTOR ** (epoch // STEP_EPOCHS)

    def batches(self, labels: I64, epoch: int) -> Iterator[I64]:
        """The epoch's batches of image numbers."""
        return batches(
            labels,
            seed=self.seed,
            epoch=epoch,
            batch=self.batch,
            instances=self.instances,
            iterations=self.iterations,
        )


def train_epoch(
    memory: HybridMemory,
    epoch: int,
    schedule: Schedule,
    embed: Callable[[I64], Tensor],
    optimiser: torch.optim.Optimizer,
) -> float:
    """Train in place on the memory's labels; -> mean loss of the batches. The same for the same seed and epoch (bit for bit on a CPU).

    Args:
        embed: [B] int64 image numbers -> [B x d] unit rows with gradients, on the memory's device. Its chance is torch's own generator.
    """
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate_at(epoch)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(schedule.seed * 1_000_003 + epoch)
        for images in schedule.batches(memory.labels.cpu().numpy(), epoch):
            rows = torch.from_numpy(images).to(memory.features.device)
            features = embed(images)
            loss = memory.loss(features, rows)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            memory.update(rows, features)
            losses.append(loss.detach())
    return float(torch.stack(losses).mean())
