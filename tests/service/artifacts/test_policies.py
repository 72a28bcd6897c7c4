"""Policies in a bundle: what cannot be used is refused with one line, and a killed run leaves the old ones."""

import json

import pytest

from service.artifacts.bundle import open_bundle
from service.artifacts.manifest import seal, sha256_json
from service.artifacts.policies import publish_policies, read_policies
from service.cascade.policy import POOLED, policy_for, single
from service.cascade.signals import EvidenceStage, Fusion, Shortlist
from service.errors import ArtifactError

SPEC = {"licence": "MIT", "source": "test", "preprocess": {"size_px": 32}, "dim": 4}
MODELS = [
    {**SPEC, "role": "embedder", "name": "net", "file": "net.onnx"},
    {**SPEC, "role": "local", "kind": "rootsift", "name": "rootsift", "keypoints": 64},
]


def policy(stage="votes:rootsift", name="fitted"):
    return single(name, Fusion(shortlist=Shortlist(sources=("cosine:all",)), stages=(EvidenceStage(stage=stage),)))


def fusion(values):
    """The one signal of a policy's JSON values."""
    return values["signals"]["evidence"]


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"weights")
    seal(tmp_path, {"kind": "bundle", "format": 1, "name": "tiny", "models": MODELS})
    return open_bundle(tmp_path)


def test_a_new_bundle_has_none(bundle):
    assert read_policies(bundle) == {}


def test_policies_come_back_as_they_went(bundle):
    published = publish_policies(bundle, {"nyala": policy()})
    assert read_policies(published) == {"nyala": policy()}
    assert published.features_sha == bundle.features_sha, "fitting must not make galleries unusable"
    assert published.sha256 != bundle.sha256


def test_a_second_fit_replaces_the_first_and_leaves_nothing_behind(bundle):
    publish_policies(bundle, {"nyala": policy()})
    again = publish_policies(bundle, {"nyala": policy("cosine:all")})
    assert read_policies(again)["nyala"].stage_names() == {"cosine:all"}
    assert len(list(bundle.folder.glob("policies-*.json"))) == 1


def test_a_fit_killed_before_the_seal_leaves_the_old_policies(bundle, monkeypatch):
    first = publish_policies(bundle, {"nyala": policy()})

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("service.artifacts.policies.seal", killed)
    with pytest.raises(KeyboardInterrupt):
        publish_policies(first, {"nyala": policy("cosine:all")})
    assert read_policies(open_bundle(bundle.folder)) == {"nyala": policy()}


@pytest.mark.parametrize("stage", ["votes:aliked", "cosine:other", "lightglue:rootsift"])
def test_a_stage_without_its_model_is_refused(bundle, stage):
    published = publish_policies(bundle, {"nyala": policy(stage)})
    with pytest.raises(ArtifactError, match=f"nyala: stage {stage} needs a model"):
        read_policies(published)


def test_a_signal_without_its_booster_is_refused(bundle):
    boosted = policy().signals["evidence"].model_copy(update={"fusion": "booster", "booster": "pairs"})
    published = publish_policies(bundle, {"nyala": single("fitted", boosted)})
    with pytest.raises(ArtifactError, match="nyala: there is no booster pairs for this species"):
        read_policies(published)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: fusion(p)["stages"][0].update(stage="magic:rootsift"), "stages.0.stage"),
        (lambda p: p["rules"][0].update(new_below=1.5), "rules.0.new_below"),
        (lambda p: p["rules"][0].update(signal="nowhere"), "reads 'nowhere'"),
        (lambda p: p["rules"].append({"signal": "evidence", "new_below": 0.9, "known_from": 0.2}), "out of order"),
        (lambda p: fusion(p)["shortlist"].update(sources=["inliers:rootsift"]), "made by cosine or votes"),
        (lambda p: fusion(p)["stages"][0].update(calibrator={"x": [0, 1], "y": [0.9, 0.1]}), "must not decrease"),
        (lambda p: p.update(surprise=1), "surprise"),
        (
            lambda p: p["verdict"].update(
                operating_points=[{"far": 0.2, "p_known": 0.5}, {"far": 0.1, "p_known": 0.4}]
            ),
            "rise in far",
        ),
    ],
)
def test_a_damaged_policy_is_refused_with_its_place(bundle, change, says):
    values = json.loads(json.dumps({"nyala": policy().model_dump(mode="json")}))
    change(values["nyala"])
    name = f"policies-{sha256_json(values)[:8]}.json"
    (bundle.folder / name).write_text(json.dumps(values))
    seal(bundle.folder, {"kind": "bundle", "format": 1, "name": "tiny", "models": MODELS, "policies": name})
    with pytest.raises(ArtifactError, match=says):
        read_policies(open_bundle(bundle.folder))


def test_a_species_without_its_own_gets_the_pooled_policy():
    own, pooled = policy(), policy("cosine:all")
    assert policy_for("nyala", {"nyala": own, POOLED: pooled}) is own
    assert policy_for("koi", {"nyala": own, POOLED: pooled}) is pooled
    with pytest.raises(ArtifactError, match="run `python -m export fit`"):
        policy_for("koi", {"nyala": own})
