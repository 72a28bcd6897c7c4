"""What one data set said, kept and read again."""

import math

import pytest

from export.ablation.measured import Measured, Side, earlier, pooled, read_measured, write_measured
from export.metrics import Outcome
from export.policies import wildfusion_of
from service.cascade.policy import single
from service.errors import ArtifactError

ANSWERS = (
    Outcome("Amani", True, True, 0.9, 0.75, "known", 12.5, 300.0),
    Outcome("Zuri", False, False, 0.2, math.nan, "new", 11.0, 300.0),
)
POLICY = single("cosine", wildfusion_of(["disk"], ["net"]))
MEASURED = Measured(
    dataset="A",
    group="A",
    mark="m",
    found={"known": {"images": 1, "identities": 1}},
    outcomes={"cosine": {"lion": ANSWERS}},
    policies={"cosine": {"lion": POLICY}},
    galleries={"lion": {"left": Side(3, 2)}},
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "data" / "A.json"
    write_measured(path, MEASURED)
    found = read_measured(path)
    first, second = found.outcomes["cosine"]["lion"]
    assert first == ANSWERS[0]
    assert math.isnan(second.average_precision)
    assert (second.individual, second.known, second.p_known, second.verdict) == ("Zuri", False, 0.2, "new")
    assert found.policies["cosine"]["lion"] == POLICY
    assert found.galleries == MEASURED.galleries


def test_a_run_that_asked_something_else_is_no_former_run(tmp_path):
    path = tmp_path / "A.json"
    assert earlier(path, "m") is None
    write_measured(path, MEASURED)
    assert earlier(path, "m") is not None
    assert earlier(path, "other") is None
    path.write_text(path.read_text()[:-40])
    assert earlier(path, "m") is None


def test_another_format_is_refused_by_name(tmp_path):
    path = tmp_path / "A.json"
    write_measured(path, MEASURED)
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ArtifactError, match=r"A\.json has format 99"):
        read_measured(path)


def test_pooled_individuals_keep_their_species():
    both = {"lion": ANSWERS[:1], "seal": ANSWERS[:1]}
    assert [o.individual for o in pooled(both, "A/")] == ["A/lion/Amani", "A/seal/Amani"]
