"""Detection against kornia's suppression and against sorting by hand."""

import pytest
import torch
from kornia.geometry.subpix import nms2d

from export.networks.detection import by_score, inside, strict_maxima, strongest, to_pixels


@pytest.mark.parametrize(("height", "width"), [(20, 31), (5, 5), (64, 9)])
def test_strict_maxima_are_kornia_s_away_from_the_edge(height: int, width: int) -> None:
    torch.manual_seed(height)
    scores = torch.randint(0, 30, (1, 1, height, width)).float()  # many ties
    own, theirs = strict_maxima(scores, 2), nms2d(scores, (5, 5), mask_only=True)
    assert torch.equal(own[..., 2:-2, 2:-2], theirs[..., 2:-2, 2:-2])


def test_a_plateau_has_no_maximum() -> None:
    scores = torch.zeros(1, 1, 12, 12)
    scores[0, 0, 5:7, 5] = 1
    assert not strict_maxima(scores, 2).any()


def test_inside_leaves_out_the_edge_and_the_padding() -> None:
    image = torch.zeros(1, 3, 32, 64)
    image[..., :20, :50] = 0.5
    expected = torch.zeros(32, 64, dtype=torch.bool)
    expected[2:18, 2:48] = True
    assert torch.equal(inside(image, 2), expected)


def test_a_black_image_has_no_inside() -> None:
    assert not inside(torch.zeros(1, 3, 32, 32), 2).any()


def test_strongest_gives_always_as_many_rows() -> None:
    scores = torch.arange(12.0).reshape(1, 1, 3, 4)
    index, real = strongest(scores, scores % 5 == 0, 6)
    assert index.tolist() == [10, 5, 0, 0, 0, 0]
    assert real.tolist() == [True] * 3 + [False] * 3
    assert to_pixels(index, 4).tolist()[:2] == [[2, 2], [1, 1]]


def test_by_score_puts_the_unreal_last() -> None:
    points, scores = by_score(
        torch.tensor([[1.0, 1], [2, 2], [3, 3]]), torch.tensor([0.2, 0.9, 0.5]), torch.tensor([True, False, True])
    )
    assert scores.tolist() == pytest.approx([0.5, 0.2, -1])
    assert points.tolist() == [[3, 3], [1, 1], [2, 2]]
