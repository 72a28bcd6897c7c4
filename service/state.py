"""Everything a running service stands on, opened and checked before the first request."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from service.artifacts.boosters import open_boosters
from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.gallery import list_galleries, open_gallery
from service.artifacts.loading import load_models
from service.artifacts.policies import read_policies
from service.cascade.identify import CascadeState, identify_batch
from service.cascade.policy import POOLED, policy_for
from service.cascade.tools import make_tools, turned
from service.cascade.values import Gallery
from service.catalogue.database import Catalogue
from service.catalogue.photos import PhotoStore
from service.errors import ArtifactError
from service.settings import Settings
from service.worker import Identify


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What answers come from. `identify` is the cascade bound to one immutable state.

    Attributes:
        bundle_name, bundle_sha: the bundle in use.
        provider: where its networks really run.
        galleries: species -> searchable individuals.
        cascade: what `identify` is bound to, for explanations that ask the networks again; None: they cannot be had.
    """

    bundle_name: str
    bundle_sha: str
    provider: str
    galleries: Mapping[str, Gallery]
    identify: Identify
    catalogue: Catalogue
    photos: PhotoStore
    cascade: CascadeState | None = None

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()


def load_state(settings: Settings) -> ServiceState:
    """Open bundle, galleries, catalogue and photos; run the networks once, so that the first request is not the slow one.

    Raises:
        ArtifactError: one of them is missing, damaged, or made by another model; the message says which and what to do.
    """
    cascade, bundle = load_cascade(settings)
    return ServiceState(
        bundle_name=bundle.name,
        bundle_sha=bundle.sha256,
        provider=settings.provider,
        galleries=cascade.galleries,
        identify=partial(identify_batch, state=cascade),
        catalogue=Catalogue(settings.catalogue_url),
        photos=PhotoStore(settings.photos_folder),
        cascade=cascade,
    )


def load_cascade(settings: Settings) -> tuple[CascadeState, Bundle]:
    """The models, policies and galleries of the settings' folders."""
    bundle = open_bundle(settings.bundle_folder)
    policies = read_policies(bundle)
    folders = list_galleries(settings.galleries_folder)
    unserved = [species for species in folders if species not in policies and POOLED not in policies]
    if unserved:
        raise ArtifactError(f"{bundle.folder} has no policy for {', '.join(unserved)}: run `python -m export fit`")
    galleries = {
        species: open_gallery(folder, features_sha=bundle.features_sha, voters=policy_for(species, policies).voters())
        for species, folder in folders.items()
    }
    models = load_models(bundle, provider=settings.provider, threads=settings.threads)
    boosters = open_boosters(bundle.folder, bundle.boosters)
    for species, head in models.heads.items():
        if species in galleries:
            galleries[species] = turned(galleries[species], head)
    tools = {
        species: make_tools(policy_for(species, policies), gallery, boosters.get(species, {}))
        for species, gallery in galleries.items()
    }
    return CascadeState(models, galleries, policies, bundle.sha256, tools, settings.budget_ms), bundle
