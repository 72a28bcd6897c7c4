"""The fitted policies of a bundle: one JSON file named by its content, switched by the manifest, so a reader never sees half a fit."""

from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from service.artifacts.bundle import Bundle, open_bundle
from service.artifacts.manifest import MANIFEST, read_json, seal, sha256_json, write_json
from service.cascade.policy import Policy
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
        _check_models(f"{path}: {species}", policy, bundle)
    return policies


def publish_policies(bundle: Bundle, policies: Mapping[str, Policy]) -> Bundle:
    """Add fitted policies to a bundle and seal it again; a killed run leaves the old ones in force."""
    body = read_json(bundle.folder / MANIFEST)
    values = _FILE.dump_python(dict(policies), mode="json")
    name = f"policies-{sha256_json(values)[:8]}.json"
    old = {path.name for path in bundle.folder.glob("policies-*.json")} - {name}
    write_json(bundle.folder / name, values)
    seal(bundle.folder, {**body, "policies": name}, leave_out=old)
    for left in old:
        (bundle.folder / left).unlink()
    return open_bundle(bundle.folder)


def _check_models(where: str, policy: Policy, bundle: Bundle) -> None:
    """Every stage must find its model in the bundle."""
    local, matched = {spec.name for spec in bundle.locals}, {spec.local for spec in bundle.matchers}
    holds = {
        "cosine": {spec.name for spec in bundle.embedders} | {"all"},
        "votes": local,
        "ratio": local,
        "inliers": local,
        "lightglue": matched,
    }
    for name in [*(stage.stage for stage in policy.stages), *policy.shortlist.sources]:
        kind, model = name.split(":")
        if model not in holds.get(kind, set()):
            raise ArtifactError(f"{where}: stage {name} needs a model this bundle does not have: fit the bundle again")
