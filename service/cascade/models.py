"""All models of a bundle, ready to run: what the cascade and the exporters share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.cascade.embedder import Embedder
from service.cascade.local_features import Extractor
from service.cascade.matching import Matcher
from service.cascade.values import U8, Features


@dataclass(frozen=True, slots=True)
class Models:
    """Models by name.

    Attributes:
        embedders: backbone name -> Embedder.
        locals: local-feature name -> Extractor.
        matchers: local-feature name -> Matcher for it.
    """

    embedders: Mapping[str, Embedder]
    locals: Mapping[str, Extractor]
    matchers: Mapping[str, Matcher]

    def extract(self, images: Sequence[U8], locals: Iterable[str] | None = None) -> list[Features]:
        """Features of each [H x W x 3] uint8 RGB image: every embedding, and the named local features (None: all). O(images).

        Raises:
            KeyError: a local feature this bundle does not have.
        """
        chosen = list(self.locals) if locals is None else list(dict.fromkeys(locals))
        embeddings = {name: embedder.embed(images) for name, embedder in self.embedders.items()}
        return [
            Features(
                embeddings={name: rows[i] for name, rows in embeddings.items()},
                local={name: self.locals[name].extract(image) for name in chosen},
            )
            for i, image in enumerate(images)
        ]
