"""From a bundle on disk to models that run: sessions opened, warmed up, and checked against the bundle's golden values."""

from service.artifacts.bundle import Bundle, ModelSpec
from service.artifacts.heads import open_heads
from service.artifacts.onnx_session import OnnxSession
from service.cascade import golden
from service.cascade.dense_matching import DenseMatcher
from service.cascade.embedder import Embedder
from service.cascade.local_features import Extractor, LocalExtractor
from service.cascade.matching import Matcher
from service.cascade.models import Models
from service.cascade.rootsift import RootSift
from service.errors import ArtifactError


def load_models(
    bundle: Bundle, *, provider: str = "cpu", threads: int | None = None, verify_golden: bool = True
) -> Models:
    """Open every model of `bundle` and run each once (the first run is slow and must not be a request's).

    Args:
        provider: cpu | cuda.
        threads: of each session; None: what this process may use.
        verify_golden: compare with the bundle's golden values.

    Raises:
        ArtifactError: a model cannot be opened, or does not give its golden values here; the message names it.
    """

    def opened(spec: ModelSpec) -> OnnxSession:
        if spec.file is None:
            raise ArtifactError(f"bundle {bundle.name}: model {spec.name} names no file")
        return OnnxSession(bundle.folder / spec.file, provider=provider, threads=threads)

    extractors: dict[str, Extractor] = {
        spec.name: RootSift(spec) if spec.kind == "rootsift" else LocalExtractor(opened(spec), spec)
        for spec in bundle.locals
    }
    for spec in bundle.matchers:
        if spec.local not in extractors:
            raise ArtifactError(
                f"bundle {bundle.name}: matcher {spec.name} is for {spec.local!r}, which the bundle does not have"
            )
    models = Models(
        embedders={spec.name: Embedder(opened(spec), spec) for spec in bundle.embedders},
        locals=extractors,
        matchers={spec.local: Matcher(opened(spec), spec, extractors[spec.local].spec) for spec in bundle.matchers},
        dense={spec.name: DenseMatcher(opened(spec), spec) for spec in bundle.dense_matchers},
        heads=open_heads(bundle, provider=provider),
    )
    measured = golden_values(models)
    if verify_golden:
        _compare(bundle, measured)
    return models


def golden_values(models: Models) -> dict[str, tuple[float, ...]]:
    """What each model gives for the canonical image, by model name (matchers: for the image against itself)."""
    image = golden.canonical_image()
    values = {name: golden.of_embedding(embedder.embed([image])[0]) for name, embedder in models.embedders.items()}
    for name, extractor in models.locals.items():
        features = extractor.extract(image)
        values[name] = golden.of_local(features)
        if name in models.matchers:
            matcher = models.matchers[name]
            values[matcher.spec.name] = golden.of_matches(
                matcher.match([(features, features)])[0].confidences, len(features)
            )
    for name, dense in models.dense.items():
        values[name] = golden.of_matches(dense.match([(image, image)])[0].confidences, dense.spec.matches)
    return values


def _compare(bundle: Bundle, measured: dict[str, tuple[float, ...]]) -> None:
    for spec in bundle.models:
        if not golden.agree(measured[spec.name], spec.golden):
            raise ArtifactError(
                f"bundle {bundle.name}: model {spec.name} gives {measured[spec.name][:3]}... for the canonical image, "
                f"the bundle states {spec.golden[:3]}...: build the bundle again, or use the onnxruntime it was built with"
            )
