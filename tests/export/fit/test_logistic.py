import numpy as np
from scipy.optimize import check_grad

from export.fit.logistic import _loss, fit_logistic
from service.cascade.evidence import Evidence
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.cascade.wildfusion import fuse


def test_the_gradient_is_the_derivative():
    random = np.random.default_rng(0)
    x, same = random.normal(size=(40, 3)), (random.random(40) < 0.5).astype(float)
    args = (x, same)
    error = check_grad(lambda p: _loss(p, *args)[0], lambda p: _loss(p, *args)[1], random.normal(size=4))
    assert error < 1e-4


def test_informative_stages_get_slopes_and_misleading_ones_none():
    random = np.random.default_rng(1)
    identity_of = np.arange(20)
    shortlists, same = [], []
    for _ in range(200):
        truth = np.arange(20) == random.integers(20)
        votes = np.exp(random.normal(0, 0.5, 20) + 1.5 * truth).astype(np.float32)
        misleading = (random.normal(size=20) - truth).astype(np.float32)
        named = {"votes:a": votes, "cosine:all": misleading}
        shortlists.append((Evidence(np.arange(20), named, {}), identity_of))
        same.append(truth)
    template = Fusion(
        shortlist=Shortlist(sources=("cosine:all",)),
        stages=(EvidenceStage(stage="votes:a"), EvidenceStage(stage="cosine:all")),
        fusion="logistic",
    )
    policy = fit_logistic(template, shortlists, np.concatenate(same))
    votes, misleading = policy.stages
    assert votes.slope + votes.lead_slope > 1
    assert misleading.slope < 0.05 > misleading.lead_slope
    probabilities = np.concatenate([fuse(e, policy, i) for e, i in shortlists])
    assert abs(probabilities.mean() - 1 / 20) < 0.01, "calibrated on its own data"
    top1 = np.mean([fuse(e, policy, i).argmax() == t.argmax() for (e, i), t in zip(shortlists, same, strict=True)])
    assert top1 > 0.7
