"""The fitted policies of a bundle: one JSON file named by its content, switched by the manifest, so a reader never sees half a fit."""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from service.artifacts.boosters import BOOSTERS_FOLDER, BoosterFile, place_booster
from service.artifacts.bundle import BOOSTERS, Bundle, open_bundle
from service.artifacts.manifest import MANIFEST, read_json, seal, sha256_json, write_json
from service.cascade.arcface_stage import TUNED
from service.cascade.evidence import ALL
from service.cascade.policy import Policy
from service.cascade.xgboost_stage import BoosterSpec
from service.errors import ArtifactError

_FILE: TypeAdapter[dict[str, Policy]] = TypeAdapter(dict[str, Policy])


def read_policies(bundle: Bundle) -> dict[str, Policy]:
    """Species -> fitted policy; `*` is the pooled one. Empty where nothing was fitted yet.

    Raises:
        ArtifactError: the file holds something that is no policy, or a policy reads a model the bundle does not have.
    """
    if bundle.policies_file is None:
        return {}
    path = bundle.folder / bundle.policies_file
    try:
        policies = _FILE.validate_python(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: {where}: {first['msg']}") from None
    for species, policy in policies.items():
        _check_models(f"{path}: {species}", species, policy, bundle)
    return policies


def publish_policies(bundle: Bundle, policies: Mapping[str, Policy], boosters: Sequence[BoosterFile] = ()) -> Bundle:
    """Add fitted policies, and the boosters they name, to a bundle and seal it again; a killed run leaves the old ones in force.

    A booster replaces the one of its species and name; those no policy names any more go.
    """
    body = read_json(bundle.folder / MANIFEST)
    values = _FILE.dump_python(dict(policies), mode="json")
    name = f"policies-{sha256_json(values)[:8]}.json"
    write_json(bundle.folder / name, values)
    kept = _kept_boosters(bundle, policies, [place_booster(bundle.folder, file) for file in boosters])
    wanted = {name, *(path for spec in kept for path in (spec.file, spec.native))}
    lying = [*bundle.folder.glob("policies-*.json"), *bundle.folder.glob(f"{BOOSTERS_FOLDER}/*")]
    old = {path.relative_to(bundle.folder).as_posix() for path in lying} - wanted
    listed = BOOSTERS.dump_python(tuple(kept), mode="json")
    seal(bundle.folder, {**body, "policies": name, "boosters": listed}, leave_out=old)
    for left in old:
        (bundle.folder / left).unlink()
    return open_bundle(bundle.folder)


def _kept_boosters(bundle: Bundle, policies: Mapping[str, Policy], placed: Sequence[BoosterSpec]) -> list[BoosterSpec]:
    by_name = {(spec.species, spec.name): spec for spec in (*bundle.boosters, *placed)}
    named = {(species, booster) for species, policy in policies.items() for booster in policy.boosters()}
    return [spec for key, spec in by_name.items() if key in named]


def _check_models(where: str, species: str, policy: Policy, bundle: Bundle) -> None:
    """Every stage must find its model in the bundle, every signal its booster."""
    local, matched = {spec.name for spec in bundle.locals}, {spec.local for spec in bundle.matchers}
    tuned = {TUNED} if any(head.species == species for head in bundle.heads) else set()
    holds = {
        "cosine": {spec.name for spec in bundle.embedders} | {ALL} | tuned,
        "votes": local,
        "ratio": local,
        "inliers": local,
        "magsac": local,
        "lightglue": matched,
    }
    for name in sorted(policy.stage_names()):
        kind, model = name.split(":")
        if model not in holds.get(kind, set()):
            raise ArtifactError(f"{where}: stage {name} needs a model this bundle does not have: fit the bundle again")
    boosters = {spec.name for spec in bundle.boosters if spec.species == species}
    for name in sorted(policy.boosters() - boosters):
        raise ArtifactError(f"{where}: there is no booster {name} for this species in the bundle: fit the bundle again")
