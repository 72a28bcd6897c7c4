"""Every local pipeline through the real exporter and the real loader; weights that no package carries are random ones."""

import re
from pathlib import Path

import numpy as np
import pytest

from export.model_config import CONFIGS, ModelConfig, read_config
from export.models import build_bundle
from service.artifacts.loading import load_models
from service.cascade.golden import canonical_image
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


def test_xfeat_and_lighterglue_find_the_shift_between_two_cuts(tmp_path: Path) -> None:
    models = build({"xfeat", "xfeat_lighterglue"}, tmp_path)
    image = canonical_image()
    a, b = (models.locals["xfeat"].extract(cut) for cut in (image, np.ascontiguousarray(image[16:, 24:])))
    assert models.locals["xfeat"].spec.dim == a.descriptors.shape[1] == 64
    assert 100 < len(a) <= 512
    np.testing.assert_allclose(np.linalg.norm(a.descriptors, axis=1), 1, atol=1e-3)
    assert (np.diff(a.scores) <= 0).all()
    [matches] = models.matchers["xfeat"].match([(a, b)])
    moved = a.keypoints[matches.indices[:, 0]] - b.keypoints[matches.indices[:, 1]]
    assert len(matches) > 80
    assert (np.abs(moved - [24, 16]).max(1) < 3).mean() > 0.9


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
