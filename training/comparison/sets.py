"""The data sets of a comparison: annotations files and synthetic animals, their photos embedded once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.ablation.measure import sources_of
from export.feature_cache import FeatureCache
from export.gallery import Bar, no_bar
from export.synthetic.dataset import generate
from service.artifacts.bundle import Bundle
from service.errors import InputError
from training.evaluation.embedded import embed_file


@dataclass(frozen=True, slots=True)
class Source:
    """One data set before anything is made.

    Attributes:
        name: of its folder. group: data sets that differ by their seed alone weigh as one.
        species: as in `read_roles`. make: writes the photos, where they are synthetic.
    """

    name: str
    group: str
    annotations: Path
    species: str | None = None
    make: Callable[[Callable[[int, int], None]], Path] | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set, ready to be read by any process. `embedded`: file of training.evaluation.embedded; the rest as in `Source`."""

    name: str
    group: str
    annotations: Path
    embedded: Path
    species: str | None = None


def sources(
    annotations: Sequence[Path],
    synthetic: Sequence[int],
    out: Path,
    *,
    coat: str = "spots",
    individuals: int = 100,
    species: str | None = None,
) -> list[Source]:
    """What is compared on.

    Args:
        synthetic: seeds; each is a data set of `individuals` animals with one kind of `coat`, under out/synthetic.
        species: keeps its rows alone, in the annotations files.

    Raises:
        InputError: nothing, a file that is not there, or two data sets of one name.
    """
    found = [Source(one.name, one.group, one.annotations, species) for one in sources_of(annotations)]
    for seed in dict.fromkeys(synthetic):
        folder = out / "synthetic" / f"{coat}-{seed}"
        found.append(
            Source(
                folder.name, f"synthetic {coat}", folder / "metadata.csv", None, _maker(folder, individuals, seed, coat)
            )
        )
    if not found:
        raise InputError("there is nothing to compare on: give --annotations or --synthetic", where="annotations")
    if len({one.name for one in found}) < len(found):
        raise InputError("two data sets have one name: a data set is named by its folder", where="annotations")
    return found


def embedded(
    source: Source,
    bundle: Bundle,
    out: Path,
    cache: FeatureCache,
    *,
    bar: Bar = no_bar,
    say: Callable[[str], None] = lambda _line: None,
) -> DataSet:
    """Make its photos if they are synthetic, and embed them; what was made and embedded before is read.

    Raises:
        InputError: an unusable file.
    """
    if source.make is not None:
        with bar(f"synthetic animals {source.name}") as advance:
            source.make(advance)
    path = embed_file(source.annotations, bundle, out / "data", cache, species=source.species, bar=bar, say=say)
    return DataSet(source.name, source.group, source.annotations, path, source.species)


def _maker(folder: Path, individuals: int, seed: int, coat: str) -> Callable[[Callable[[int, int], None]], Path]:
    return lambda progress: generate(folder, individuals=individuals, seed=seed, species=coat, progress=progress)
