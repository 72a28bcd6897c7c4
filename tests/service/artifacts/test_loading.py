"""A bundle whose model drifted, or does not fit together, is refused by name."""

import dataclasses

import pytest

from service.artifacts.bundle import Bundle
from service.artifacts.loading import golden_values, load_models
from service.cascade.models import Models
from service.errors import ArtifactError


def test_a_loaded_bundle_has_every_model_and_gives_its_golden_values(default_bundle: Bundle, models: Models) -> None:
    assert set(models.embedders) == {"efficientnet_lite0", "dinov2_s"}
    assert set(models.locals) == {"aliked", "disk", "xfeat", "rootsift"}
    assert set(models.matchers) == {"aliked", "disk", "xfeat"}
    specs = (*default_bundle.embedders, *default_bundle.locals, *default_bundle.matchers)
    assert set(golden_values(models)) == {spec.name for spec in specs}


@pytest.mark.parametrize("role", ["embedders", "locals", "matchers"])
def test_a_model_that_drifted_is_named(default_bundle: Bundle, role: str) -> None:
    specs = getattr(default_bundle, role)
    drifted = specs[0].model_copy(update={"golden": tuple(value + 0.01 for value in specs[0].golden)})
    others = {name: () for name in ("matchers", "embedders") if name != role}
    bundle = dataclasses.replace(default_bundle, **{**others, role: (drifted,)})
    with pytest.raises(ArtifactError, match=f"model {drifted.name} gives"):
        load_models(bundle)


def test_a_bundle_without_golden_values_is_refused(default_bundle: Bundle) -> None:
    bare = default_bundle.embedders[0].model_copy(update={"golden": ()})
    bundle = dataclasses.replace(default_bundle, embedders=(bare,), locals=(), matchers=())
    with pytest.raises(ArtifactError, match=bare.name):
        load_models(bundle)
    assert set(load_models(bundle, verify_golden=False).embedders) == {bare.name}


def test_a_matcher_without_its_local_feature_is_refused(default_bundle: Bundle) -> None:
    with pytest.raises(ArtifactError, match="does not have"):
        load_models(dataclasses.replace(default_bundle, embedders=(), locals=()))


def test_a_file_that_is_no_model_is_an_artifact_error(default_bundle: Bundle) -> None:
    broken = default_bundle.embedders[0].model_copy(update={"file": "LICENSES/dinov2_s.txt"})
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        load_models(dataclasses.replace(default_bundle, embedders=(broken,), locals=(), matchers=()))
