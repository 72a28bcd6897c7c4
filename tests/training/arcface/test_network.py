"""Batch norms, neck and margin: against naive second implementations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from export.fit.head import HeadWeights
from training.arcface.network import ArcFace, DualHead


def embeddings(count: int = 30) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(1, 2, (count, 7)).astype(np.float32))


def unit(x: torch.Tensor) -> np.ndarray:
    return F.normalize(x, dim=1).detach().numpy()


@pytest.mark.parametrize("neck", [None, 5])
def test_folded_weights_answer_as_the_network_does(neck):
    torch.manual_seed(0)
    head = DualHead([3, 4], neck)
    head.see(embeddings())
    for norm in head.norms:
        torch.nn.init.normal_(norm.weight, 1, 0.3)
        torch.nn.init.normal_(norm.bias)
    head.eval()
    np.testing.assert_allclose(head.weights()(embeddings().numpy()), unit(head(embeddings())), atol=1e-5)
    assert head.weights().matrix.shape == (7, neck or 7)


def test_each_backbone_is_normed_alone():
    head = DualHead([3, 4], None)
    x = embeddings()
    expected = torch.cat([torch.nn.BatchNorm1d(n)(part) for n, part in zip((3, 4), x.split([3, 4], 1), strict=True)], 1)
    torch.testing.assert_close(head(x), expected)


def test_the_neck_starts_where_the_closed_form_ended():
    x = embeddings()
    random = np.random.default_rng(1)
    start = HeadWeights(
        x.mean(0).numpy(), random.uniform(1, 2, 7).astype(np.float32), random.normal(size=(7, 5)).astype(np.float32)
    )
    head = DualHead([3, 4], 5)
    head.see(x)
    head.start_from(start)
    np.testing.assert_allclose(head.weights()(x.numpy()), start(x.numpy()), atol=1e-4)


def test_arcface_is_cross_entropy_with_the_own_angle_widened():
    torch.manual_seed(0)
    x, labels = torch.randn(8, 4), torch.arange(8) % 3
    loss = ArcFace(4, 3, s=30.0, m=0.35)
    angles = torch.acos(F.normalize(x, dim=1) @ F.normalize(loss.centres, dim=1).T)
    own = F.one_hot(labels, 3).bool()
    assert (angles[own] + 0.35 < math.pi).all()
    naive = F.cross_entropy(30.0 * torch.where(own, torch.cos(angles + 0.35), torch.cos(angles)), labels)
    torch.testing.assert_close(loss(x, labels), naive, rtol=1e-4, atol=1e-4)


def test_without_a_margin_it_is_the_cosine_softmax_and_with_one_it_is_larger():
    torch.manual_seed(0)
    x, labels = torch.randn(8, 4), torch.arange(8) % 3
    loss = ArcFace(4, 3, s=10.0, m=0.0)
    plain = loss(x, labels)
    torch.testing.assert_close(
        plain, F.cross_entropy(10 * F.normalize(x, dim=1) @ F.normalize(loss.centres, dim=1).T, labels)
    )
    loss.m = 0.5
    assert loss(x, labels) > plain


def test_a_photo_opposite_its_centre_is_still_pushed_towards_it():
    """Beyond pi the cosine would turn round and reward the wrong way."""
    loss = ArcFace(3, 2, s=10.0, m=0.5)
    loss.centres.data = torch.eye(3)[:2]
    x = torch.tensor([[-1.0, 0.0, 0.05]], requires_grad=True)
    loss(x, torch.tensor([0])).backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    turned = F.normalize(x.detach() - 0.01 * x.grad / x.grad.norm(), dim=1)
    assert turned[0, 0] > F.normalize(x.detach(), dim=1)[0, 0]


def test_centres_start_at_the_mean_of_their_class():
    x, labels = torch.randn(9, 4), torch.arange(9) % 3
    loss = ArcFace(4, 3, 64.0, 0.5)
    loss.start_from(x, labels)
    expected = F.normalize(torch.stack([F.normalize(x, dim=1)[labels == c].sum(0) for c in range(3)]), dim=1)
    torch.testing.assert_close(loss.centres.data, expected)
