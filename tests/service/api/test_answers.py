"""The answer document is JSON whatever the cascade says: no NaN, no share outside the photo."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.api.answers import build_answer
from service.api.photos import Upload, to_pixels
from service.api.schemas import Answer
from service.cascade.values import Query, QueryAnnotation
from service.catalogue.models import now
from service.state import ServiceState


@pytest.fixture
def state(tmp_path: Path, colour_state: Callable[..., ServiceState]) -> ServiceState:
    return colour_state(tmp_path)


def test_a_stage_that_did_not_look_is_left_out_and_points_stay_inside(state: ServiceState) -> None:
    pixels = np.full((64, 96, 3), (200, 60, 40), np.uint8)
    [found] = state.identify([Query((QueryAnnotation(pixels),), "colour beast")])
    assert not isinstance(found, Exception)
    first = found.candidates[0]
    outside = replace(first.matches[0], query_points=np.array([[-3, 5], [200, 70]], np.float32))
    evidence = {**first.evidence, "lightglue:dots": {"similarity": float("nan"), "probability": float("nan")}}
    changed = replace(
        found, candidates=(replace(first, evidence=evidence, matches=(outside,)),), probability=float("nan")
    )
    answer = build_answer(
        changed,
        identification_id="0" * 32,
        created_at=now(),
        species="colour beast",
        far=None,
        uploads=[Upload(b"", (96, 64), None, pixels, None)],
        state=state,
        timings_ms={"decode": 1.0},
    )
    assert list(answer.candidates[0].evidence) == ["cosine:colour"]
    assert [line[:2] for line in answer.candidates[0].matches[0].lines] == [(0.0, round(5.5 / 64, 4)), (1.0, 1.0)]
    text = json.dumps(answer.model_dump(mode="json"), allow_nan=False)
    assert Answer.model_validate_json(text) == answer


@pytest.mark.parametrize(
    ("box", "pixels"),
    [
        ((0.0, 0.0, 1.0, 1.0), (0, 0, 101, 67)),
        ((-0.0005, 0.25, 1.001, 0.7505), (0, 17, 101, 50)),
        ((0.5, 0.5, 0.5, 0.5), (50, 34, 51, 33)),
    ],
)
def test_boxes_become_whole_pixels_inside_the_photo(
    box: tuple[float, float, float, float], pixels: tuple[int, ...]
) -> None:
    assert to_pixels(box, (101, 67)) == pixels
