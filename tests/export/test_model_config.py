"""Model files: the shipped ones are valid; a wrong one is refused with the place."""

import re
from pathlib import Path

import pytest

from export.model_config import CONFIGS, DenseMatcherConfig, EmbedderConfig, LocalConfig, MatcherConfig, read_config
from service.errors import ArtifactError

HEAD = 'name = "x"\n[[models]]\nname = "m"\nlicence = "MIT"\ncopyright = "me"\n'
DENSE = 'role = "dense_matcher"\nfamily = "loftr"\n'
WITHOUT_TEXT = {"unstated", "CC-BY-NC-4.0", "LicenseRef-MagicLeap-NonCommercial"}
RANDOM = 'weights = { source = "random" }\n'


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_files_are_valid_and_every_licence_text_is_there(path: Path) -> None:
    config = read_config(path.stem)
    assert config == read_config(path)
    for model in config.models:
        if model.licence not in WITHOUT_TEXT:
            assert (CONFIGS / "licences" / f"{model.licence}.txt").is_file(), model.name


def test_the_default_is_the_dual_backbone_with_four_local_features() -> None:
    models = read_config("default").models
    assert [m.name for m in models if isinstance(m, EmbedderConfig)] == ["efficientnet_lite0", "dinov2_s"]
    assert [m.name for m in models if isinstance(m, LocalConfig)] == ["aliked", "disk", "xfeat", "rootsift"]
    assert [m.local for m in models if isinstance(m, MatcherConfig)] == ["aliked", "disk", "xfeat"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not TOML"),
        ('name = "x"\nmodels = []', "models: "),
        (HEAD + 'role = "teacher"\n', "models.0"),
        (
            HEAD + 'role = "embedder"\nfamily = "timm"\npreprocess = { size_px = 64 }\n' + RANDOM,
            "needs an architecture",
        ),
        (
            HEAD + 'role = "embedder"\nfamily = "dinov2"\npreprocess = { size_px = 64, mean_ = [1] }\n' + RANDOM,
            "preprocess.mean_",
        ),
        (
            HEAD + 'role = "local"\nfamily = "disk"\npreprocess = { size_px = 64, multiple_of = 16 }\n',
            "disk needs weights",
        ),
        (
            HEAD + 'role = "local"\nfamily = "rootsift"\npreprocess = { size_px = 64 }\n' + RANDOM,
            "rootsift has no weights",
        ),
        (
            HEAD + 'role = "local"\nfamily = "aliked"\npreprocess = { size_px = 64, multiple_of = 16 }\n' + RANDOM,
            "multiple_of = 32",
        ),
        (
            HEAD + 'role = "local"\nfamily = "superpoint"\npreprocess = { size_px = 64, multiple_of = 8 }\n' + RANDOM,
            "superpoint needs preprocess.grey = true",
        ),
        (
            HEAD + 'role = "local"\nfamily = "disk"\narchitecture = "aliked-t16"\n'
            "preprocess = { size_px = 64, multiple_of = 16 }\n" + RANDOM,
            "only aliked",
        ),
        (
            HEAD + 'role = "local"\nfamily = "aliked"\narchitecture = "aliked-t16"\n'
            "preprocess = { size_px = 64, multiple_of = 32 }\n" + RANDOM + '[[models]]\nname = "n"\nlicence = "MIT"\n'
            'copyright = "me"\nrole = "matcher"\nfamily = "lightglue"\nlocal = "m"\n' + RANDOM,
            "no LightGlue knows",
        ),
        (HEAD + DENSE + "preprocess = { size_px = 192 }\n" + RANDOM, "loftr needs preprocess.grey = true"),
        (
            HEAD
            + DENSE
            + 'preprocess = { size_px = 192, resize = "long_side", multiple_of = 8, grey = true }\n'
            + RANDOM,
            "multiple_of = size_px",
        ),
        (HEAD + DENSE + "preprocess = { size_px = 64, grey = true }\n" + RANDOM, "64 cells, fewer than matches"),
        (HEAD + 'role = "matcher"\nfamily = "lightglue"\nlocal = "sift"\n' + RANDOM, "not among the local features"),
        (2 * (HEAD + 'role = "embedder"\nfamily = "dinov2"\npreprocess = { size_px = 56 }\n' + RANDOM), "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=message) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_blocks_behind_a_hash_are_valid_too(tmp_path: Path) -> None:
    text = (CONFIGS / "five-pipelines.toml").read_text()
    everything = tmp_path / "all.toml"
    everything.write_text(re.sub(r"^#(?=[\[a-z])", "", text, flags=re.MULTILINE))
    shipped, whole = read_config("five-pipelines"), read_config(everything)
    assert {m.family for m in shipped.models if isinstance(m, LocalConfig)} == {"aliked", "disk", "xfeat", "rootsift"}
    assert {m.name for m in whole.models} - {m.name for m in shipped.models} == {
        "sift_lightglue",
        "superpoint",
        "superpoint_lightglue",
        "loftr",
    }
    assert sum(isinstance(m, DenseMatcherConfig) for m in whole.models) == 1


def test_a_missing_file_names_the_shipped_ones() -> None:
    with pytest.raises(ArtifactError, match="default, five-pipelines, megadescriptor-miewid"):
        read_config("no-such")
