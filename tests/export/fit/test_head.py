"""The closed-form head: deterministic, honest about what it needs, and better than what it starts from."""

import numpy as np
import pytest

from export.fit.head import HeadWeights, fit_head
from service.errors import InputError

ANIMALS, MET, EACH, DIM = 12, 3, 2, 40


def study(seed=0, animals=ANIMALS):
    """Animals differ along eight directions; light and ground of an encounter are louder, along eight others."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(DIM, 16)))[0].T
    who = np.repeat(np.arange(animals), MET * EACH)
    when = np.repeat(np.arange(animals * MET), EACH)
    coat = random.normal(size=(animals, 8)) @ axes[:8]
    light = 2 * random.normal(size=(animals * MET, 8)) @ axes[8:]
    x = coat[who] + light[when] + 0.1 * random.normal(size=(len(who), DIM)) + 3
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float32), who, [f"e{n}" for n in when]


def top1(embeddings, who, encounters):
    cosines = embeddings @ embeddings.T
    met = np.array(encounters)
    cosines[met[:, None] == met] = -2
    return float((who[cosines.argmax(1)] == who).mean())


def test_animals_it_never_saw_are_told_apart_better():
    x, who, met = study()
    fresh, others, when = study(animals=40)
    head = fit_head(x, who, met)
    unseen = np.flatnonzero(others >= ANIMALS)  # the same light, other animals
    before = top1(fresh[unseen], others[unseen], np.array(when)[unseen])
    after = top1(head(fresh[unseen]), others[unseen], np.array(when)[unseen])
    assert before < 0.5 < after


def test_the_map_is_what_it_says_and_the_same_twice():
    x, who, met = study()
    head, again = fit_head(x, who, met), fit_head(x, who, met)
    np.testing.assert_array_equal(head.matrix, again.matrix)
    turned = ((x - head.mean) * head.scale) @ head.matrix
    np.testing.assert_allclose(head(x), turned / np.linalg.norm(turned, axis=1, keepdims=True), atol=1e-6)
    assert head(x).dtype == np.float32
    assert head(head.mean[None]).shape == (1, head.matrix.shape[1])  # length zero is no NaN
    assert np.isfinite(head(head.mean[None])).all()


def test_inside_an_animal_the_new_space_is_flat():
    """Between an animal's encounters no direction varies much more than another: what whitening the within covariance means."""
    x, who, met = study()
    head = fit_head(x, who, met)
    turned = (x - head.mean) @ head.matrix
    centre = np.stack([turned[who == animal].mean(0) for animal in range(ANIMALS)])
    raw = np.stack([x[who == animal].mean(0) for animal in range(ANIMALS)])
    spread, before = np.linalg.svd(turned - centre[who])[1], np.linalg.svd(x - raw[who])[1]
    assert spread[0] / spread[15] < before[0] / before[15] / 3


def test_a_burst_counts_once():
    """Thirty more photos of one moment teach no more than the first: similarities stay."""
    x, who, met = study()
    burst = [0] * 30
    more = fit_head(np.concatenate([x, x[burst]]), np.concatenate([who, who[burst]]), [*met, *[met[0]] * 30])
    base = fit_head(x, who, met)
    assert np.abs(more(x) @ more(x).T - base(x) @ base(x).T).mean() < 0.02


def test_flanks_are_two_classes():
    x, who, met = study()
    views = ["left", "right"] * (len(x) // 2)
    flanked = fit_head(x, who, met, viewpoints=views)
    by_hand = fit_head(
        x, who * 2 + np.array([view == "right" for view in views]), [f"{m}{v}" for m, v in zip(met, views, strict=True)]
    )
    np.testing.assert_allclose(flanked(x) @ flanked(x).T, by_hand(x) @ by_hand(x).T, atol=1e-4)


@pytest.mark.parametrize(("animals", "encounters"), [(4, None), (ANIMALS, "once")])
def test_too_few_animals_met_twice_are_refused(animals, encounters):
    x, who, met = study(animals=animals)
    with pytest.raises(InputError, match="more than one encounter"):
        fit_head(x, who, [f"once {animal}" for animal in who] if encounters else met)


def test_weights_are_plain_arrays():
    head = HeadWeights(np.zeros(3, np.float32), np.full(3, 2, np.float32), np.eye(3, dtype=np.float32))
    np.testing.assert_allclose(head(np.array([[3.0, 4.0, 0.0]], np.float32)), [[0.6, 0.8, 0.0]], atol=1e-6)
