"""What operations can see. One registry an app: nothing is global, and no label takes values a caller can invent."""

from collections.abc import Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.cascade.values import Gallery, Identification

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Prometheus metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        seconds = partial(Histogram, registry=self.registry, buckets=_SECONDS)
        self.requests = counter("whorl_requests", "Requests by route and status.", ["route", "status"])
        self.seconds = seconds("whorl_request_seconds", "Time to the answer.", ["route"])
        self.verdicts = counter("whorl_verdicts", "Verdicts by species.", ["species", "verdict"])
        self.stages = seconds("whorl_stage_seconds", "Time in each stage of an identification.", ["stage"])
        self.batch = Histogram("whorl_batch_size", "Queries a micro-batch.", registry=self.registry, buckets=_SIZES)
        self.queue_length = gauge("whorl_queue_length", "Queries waiting.")
        self.queue_age = gauge("whorl_queue_age_seconds", "Wait of the oldest query in the queue.")
        self._annotations = gauge("whorl_gallery_annotations", "Searchable annotations.", ["species"])
        self._individuals = gauge("whorl_gallery_individuals", "Searchable individuals.", ["species"])
        self._gallery = gauge("whorl_gallery_info", "Gallery version in use.", ["species", "version"])
        self._build = gauge("whorl_build_info", "What is running.", ["version", "bundle", "provider"])

    def show_build(self, *, version: str, bundle: str, provider: str) -> None:
        """State what is running."""
        self._build.labels(version, bundle, provider).set(1)

    def show_galleries(self, galleries: Mapping[str, Gallery]) -> None:
        """State what can be searched."""
        for species, gallery in galleries.items():
            self._annotations.labels(species).set(len(gallery))
            self._individuals.labels(species).set(len(gallery.identities))
            self._gallery.labels(species, gallery.version).set(1)

    def count_identification(
        self, species: str, identification: Identification, around_ms: Mapping[str, float]
    ) -> None:
        """Count a verdict and the time of its stages; `around_ms`: those around the cascade (decode, queue, record)."""
        self.verdicts.labels(species, identification.verdict).inc()
        for stage in identification.stages:
            self.stages.labels(stage.name).observe(stage.duration_ms / 1e3)
        for name, duration_ms in around_ms.items():
            self.stages.labels(name).observe(duration_ms / 1e3)

    def exposition(self) -> bytes:
        """The text format, 0.0.4."""
        return generate_latest(self.registry)
