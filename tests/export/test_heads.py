"""A head in a bundle: served as trained, replaced whole, refused beside other backbones."""

import dataclasses

import numpy as np
import onnx
import pytest

from export.fit.head import HeadWeights
from export.heads import add_head, head_graph
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.heads import backbones_sha, open_heads
from service.artifacts.manifest import read_json, seal
from service.cascade.arcface_stage import confidence
from service.errors import ArtifactError

DIMS = {"b_net": 5, "a_net": 7}
SPECIES = "Giraffe (Masai)"


def weights(seed: int = 0, width: int = 12, out: int = 4) -> HeadWeights:
    random = np.random.default_rng(seed)
    mean, scale = random.normal(size=width), random.uniform(0.5, 2, width)
    parts = (mean, scale, random.normal(size=(width, out)))
    return HeadWeights(*(part.astype(np.float32) for part in parts))


def embeddings(count: int = 9) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    rows = {name: random.normal(size=(count, dim)) for name, dim in DIMS.items()}
    return {name: (row / np.linalg.norm(row, axis=1, keepdims=True)).astype(np.float32) for name, row in rows.items()}


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    shared = {"role": "embedder", "licence": "MIT", "source": "test", "preprocess": {"size_px": 32}}
    models = [{**shared, "name": name, "file": f"{name}.onnx", "dim": dim} for name, dim in DIMS.items()]
    for name in DIMS:
        (tmp_path / f"{name}.onnx").write_bytes(name.encode())
    seal(tmp_path, {"kind": "bundle", "format": 1, "name": "tiny", "recipe": "r", "models": models})
    return open_bundle(tmp_path)


def test_the_service_turns_embeddings_as_training_did(bundle):
    sealed = add_head(bundle, SPECIES, weights(), {"top1": 0.5})
    head = open_heads(sealed)[SPECIES]
    rows = embeddings()
    expected = weights()(np.concatenate([rows["a_net"], rows["b_net"]], 1))
    np.testing.assert_allclose(head.embed({**rows, "another": rows["a_net"]}), expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)
    assert head.spec.numbers == {"top1": 0.5}
    assert sealed.features_sha == bundle.features_sha, "fitting a head must not make galleries unusable"
    assert head.embed({name: row[:0] for name, row in rows.items()}).shape == (0, 4)


def test_a_gallery_larger_than_a_batch_comes_back_in_order(bundle):
    head = open_heads(add_head(bundle, SPECIES, weights(), {}))[SPECIES]
    rows = embeddings(9000)
    np.testing.assert_allclose(head.embed(rows)[-1], head.embed({k: v[-1:] for k, v in rows.items()})[0], atol=1e-6)


def test_each_species_has_one_and_a_new_one_leaves_nothing_behind(bundle):
    add_head(bundle, SPECIES, weights(), {})
    add_head(open_bundle(bundle.folder), "lynx", weights(2), {})
    again = add_head(open_bundle(bundle.folder), SPECIES, weights(3), {})
    assert sorted(open_heads(again)) == [SPECIES, "lynx"]
    assert len(list((bundle.folder / "heads").iterdir())) == 2
    assert read_json(bundle.folder / "manifest.json")["recipe"] == "r"


def test_a_run_killed_before_the_seal_leaves_the_old_head(bundle, monkeypatch):
    first = add_head(bundle, SPECIES, weights(), {})

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("service.artifacts.heads.seal", killed)
    with pytest.raises(KeyboardInterrupt):
        add_head(first, SPECIES, weights(3), {})
    monkeypatch.undo()
    np.testing.assert_array_equal(
        open_heads(open_bundle(bundle.folder))[SPECIES].embed(embeddings()),
        open_heads(first)[SPECIES].embed(embeddings()),
    )
    add_head(open_bundle(bundle.folder), SPECIES, weights(4), {})
    assert len(list((bundle.folder / "heads").iterdir())) == 1, "what the killed run left is gone"


def test_a_head_of_other_backbones_is_refused_at_load_and_at_export(bundle, tmp_path):
    add_head(bundle, SPECIES, weights(), {})
    body = read_json(bundle.folder / "manifest.json")
    (bundle.folder / "a_net.onnx").write_bytes(b"tuned")
    seal(bundle.folder, {name: value for name, value in body.items() if name != "files"})
    other = open_bundle(bundle.folder)
    with pytest.raises(ArtifactError, match=r"Giraffe \(Masai\) was trained on other a_net and b_net: train it again"):
        open_heads(other)
    with pytest.raises(ArtifactError, match="trained on other"):
        add_head(other, SPECIES, weights(), {}, trained_on=backbones_sha(bundle, ["a_net", "b_net"]))
    with pytest.raises(ArtifactError, match="no backbone c_net"):
        backbones_sha(bundle, ["c_net"])


def test_a_head_that_does_not_answer_as_stated_is_refused(bundle):
    sealed = add_head(bundle, SPECIES, weights(), {})
    lying = dataclasses.replace(sealed, heads=(sealed.heads[0].model_copy(update={"golden": (0.1,) * 8}),))
    with pytest.raises(ArtifactError, match="the bundle states"):
        open_heads(lying)
    with pytest.raises(ArtifactError, match="reads 11 values"):
        add_head(bundle, SPECIES, weights(width=11), {})


def test_missing_or_narrow_embeddings_are_named(bundle):
    head = open_heads(add_head(bundle, SPECIES, weights(), {}))[SPECIES]
    with pytest.raises(ArtifactError, match="no embedding by b_net"):
        head.embed({"a_net": embeddings()["a_net"]})
    with pytest.raises(ArtifactError, match="cannot turn 10 values"):
        head.embed({"a_net": embeddings()["b_net"], "b_net": embeddings()["b_net"]})


def test_a_manifest_with_a_head_that_is_none_is_refused(bundle):
    add_head(bundle, SPECIES, weights(), {})
    body = read_json(bundle.folder / "manifest.json")
    body.pop("files")
    body["heads"][0]["file"] = "../elsewhere.onnx"
    seal(bundle.folder, body)
    with pytest.raises(ArtifactError, match="models cannot be read"):
        open_bundle(bundle.folder)


def test_settings_travel_inside_the_graph():
    graph = onnx.load_from_string(head_graph(weights(), {"species": "lynx", "backbones": "a b"}))
    assert {item.key: item.value for item in graph.metadata_props} == {"species": "lynx", "backbones": "a b"}


def test_confidence_is_the_cosine_on_the_published_scale():
    np.testing.assert_allclose(confidence(np.array([-1.0, 0.0, 1.0, 1.0000002], np.float32)), [0, 0.5, 1, 1])
