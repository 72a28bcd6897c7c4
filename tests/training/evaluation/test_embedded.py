"""Embeddings on disk: made once, of the rows whose photos can be read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from comparison_parts import quiet_threads, small_bundle, write_set

from export.feature_cache import FeatureCache
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.artifacts.onnx_session import OnnxSession
from service.cascade.embedder import Embedder
from service.errors import ArtifactError, InputError
from service.images import decode_image
from training.evaluation.embedded import embed_file, read_embedded
from training.evaluation.roles import read_roles


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with quiet_threads():
        yield small_bundle(tmp_path_factory.getbasetemp() / "small-bundle")


def test_photos_become_embeddings_of_all_backbones(bundle: Bundle, tmp_path: Path) -> None:
    study = generate(
        tmp_path / "study", individuals=4, encounters_per_individual=3, photos_per_encounter=(1, 1), seed=4
    )
    rows = read_roles(study).rows
    rows[0].path.unlink()
    said: list[str] = []
    data = read_embedded(
        embed_file(study, bundle, tmp_path / "out", FeatureCache(tmp_path / "features"), say=said.append), study
    )
    assert [row.image_id for row in data.roles.rows] == [row.image_id for row in rows[1:]]
    assert len(said) == 1 and said[0].startswith(rows[0].image_id)
    (spec,) = bundle.embedders
    photo = decode_image(rows[2].path.read_bytes(), where="photo")
    wanted = Embedder(OnnxSession(bundle.folder / str(spec.file)), spec).embed([photo])[0]
    np.testing.assert_allclose(data.features[1], wanted, atol=1e-5)
    assert data.dims == (spec.dim,)
    assert data.individuals(np.array([0])) == [f"{rows[1].species}\0{rows[1].identity}"]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    one, other = write_set(tmp_path / "one"), write_set(tmp_path / "other", animals=4)
    assert len(read_embedded(one.embedded, one.annotations).features) == 80
    with pytest.raises(ArtifactError, match="remove it"):
        read_embedded(one.embedded, other.annotations)
    one.embedded.write_bytes(b"not a safetensors file")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_embedded(one.embedded, one.annotations)


def test_a_file_without_a_readable_photo_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", animals=2)
    with pytest.raises(InputError, match="none of the 16 photos"):
        embed_file(one.annotations, bundle, tmp_path / "out", FeatureCache(tmp_path / "features"))
