"""Every local pipeline through the real exporter and the real loader; weights that no package carries are random ones."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export.model_config import CONFIGS, ModelConfig, read_config
from export.models import build_bundle
from service.artifacts.loading import load_models
from service.cascade.golden import canonical_image
from service.cascade.matching import Matches, mutual_nearest
from service.cascade.models import Models
from service.cascade.values import LocalFeatures
from service.errors import ArtifactError


def only(names: set[str], folder: Path) -> ModelConfig:
    """Some models of five-pipelines.toml, those behind a hash too."""
    text = re.sub(r"^#(?=[\[a-z])", "", (CONFIGS / "five-pipelines.toml").read_text(), flags=re.MULTILINE)
    path = folder / "some.toml"
    path.write_text(re.sub(r'\{ source = "file".*\}', '{ source = "random" }', text))
    config = read_config(path)
    return config.model_copy(update={"models": tuple(model for model in config.models if model.name in names)})


def build(names: set[str], folder: Path) -> Models:
    return load_models(build_bundle(only(names, folder), folder / "bundle"), threads=2)


def shift(a: LocalFeatures, b: LocalFeatures, matches: Matches) -> NDArray[np.bool_]:
    """Which matches say that b was cut 24 pixels to the right and 16 below."""
    moved = a.keypoints[matches.indices[:, 0]] - b.keypoints[matches.indices[:, 1]]
    return np.asarray(np.abs(moved - [24, 16]).max(1) < 3)


def cuts(models: Models, name: str) -> tuple[LocalFeatures, LocalFeatures]:
    image = canonical_image()
    extract = models.locals[name].extract
    return extract(image), extract(np.ascontiguousarray(image[16:, 24:]))


def test_xfeat_keeps_the_promises_of_local_features(tmp_path: Path) -> None:
    models = build({"xfeat"}, tmp_path)
    a, b = cuts(models, "xfeat")
    assert models.locals["xfeat"].spec.dim == a.descriptors.shape[1] == 64
    assert 100 < len(a) <= 512
    np.testing.assert_allclose(np.linalg.norm(a.descriptors, axis=1), 1, atol=1e-3)
    assert (np.diff(a.scores) <= 0).all()
    matches = mutual_nearest(a.descriptors, b.descriptors)
    assert shift(a, b, matches).mean() > 0.6
    assert shift(a, b, matches).sum() > 100


@pytest.mark.slow
def test_lighterglue_finds_the_shift_between_two_cuts(tmp_path: Path) -> None:
    models = build({"xfeat", "xfeat_lighterglue"}, tmp_path)
    a, b = cuts(models, "xfeat")
    [matches] = models.matchers["xfeat"].match([(a, b)])
    assert len(matches) > 80
    assert shift(a, b, matches).mean() > 0.9


@pytest.mark.slow
def test_pipelines_without_carried_weights_export_load_and_run(tmp_path: Path) -> None:
    names = {"superpoint", "superpoint_lightglue", "rootsift", "sift_lightglue", "loftr"}
    models = build(names, tmp_path)
    image = canonical_image()
    for name in ("superpoint", "rootsift"):
        features = models.locals[name].extract(image)
        assert len(features) > 100
        assert len(models.matchers[name].match([(features, features)])) == 1
    sift = models.locals["rootsift"].extract(image)
    bare = LocalFeatures(sift.keypoints, sift.descriptors, sift.scores, sift.size_px)
    with pytest.raises(ArtifactError, match="sift_lightglue needs the scale and orientation"):
        models.matchers["rootsift"].match([(bare, bare)])
    [found] = models.dense["loftr"].match([(image, image)])
    assert (found.first >= -0.5).all()
    assert (found.second <= np.array([383.5, 287.5])).all()
