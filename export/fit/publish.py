"""What a fit found -> the bundle, in as few steps as leave it whole at any moment: heads first, then policies with their boosters."""

from pathlib import Path
from tempfile import TemporaryDirectory

from export.fit.booster_onnx import write_booster
from export.fit.boosters import FittedBooster
from export.fit.choose import Choice
from export.heads import add_head
from service.artifacts.boosters import BoosterFile
from service.artifacts.bundle import Bundle
from service.artifacts.policies import publish_policies, read_policies


def publish(bundle: Bundle, choice: Choice) -> Bundle:
    """Seal a choice into its bundle; species fitted earlier keep theirs.

    A head is added before the policy that reads it, so a run killed in between leaves policies that know nothing of it.
    """
    earlier = read_policies(bundle)
    for species, weights in choice.heads.items():
        bundle = add_head(bundle, species, weights, {})
    files = [
        booster_file(fitted, name, species)
        for species, named in choice.boosters.items()
        for name, fitted in named.items()
    ]
    return publish_policies(bundle, {**earlier, **choice.policies}, files)


def booster_file(fitted: FittedBooster, name: str, species: str) -> BoosterFile:
    """A fitted booster in both its forms, checked against each other."""
    with TemporaryDirectory(prefix="whorl-booster-") as folder:
        spec = write_booster(fitted, Path(folder), name, species=species)
        return BoosterFile(spec, (Path(folder) / spec.file).read_bytes(), (Path(folder) / spec.native).read_bytes())
