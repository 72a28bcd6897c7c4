"""All models of a bundle, ready to run: what the cascade and the exporters share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from service.cascade.arcface_stage import TUNED, Head
from service.cascade.dense_matching import DenseMatcher
from service.cascade.embedder import Embedder
from service.cascade.local_features import Extractor
from service.cascade.matching import Matcher
from service.cascade.values import F32, U8, Bool, Features


@dataclass(frozen=True, slots=True)
class Models:
    """Models by name.

    Attributes:
        embedders: backbone name -> Embedder.
        locals: local-feature name -> Extractor.
        matchers: local-feature name -> Matcher for it.
        dense: name -> DenseMatcher, which needs the photos themselves.
        heads: species -> Head, which turns the backbones' embeddings into the species' own.
    """

    embedders: Mapping[str, Embedder]
    locals: Mapping[str, Extractor]
    matchers: Mapping[str, Matcher]
    dense: Mapping[str, DenseMatcher] = field(default_factory=dict)
    heads: Mapping[str, Head] = field(default_factory=dict)

    def extract(
        self,
        images: Sequence[U8],
        locals: Iterable[str] | None = None,
        masks: Sequence[Bool | None] | None = None,
    ) -> list[Features]:
        """Features of each [H x W x 3] uint8 RGB image: every embedding, and the named local features (None: all). O(images).

        Args:
            masks: per image [H x W], True on the animal, or None; keypoints off it are dropped. Embeddings see the whole image.

        Raises:
            KeyError: a local feature this bundle does not have.
            InputError: a mask is of another size than its image.
        """
        shown = [None] * len(images) if masks is None else masks
        chosen = list(self.locals) if locals is None else list(dict.fromkeys(locals))
        return [
            Features(
                embeddings=embeddings,
                local={name: self.locals[name].extract(image, mask) for name in chosen},
            )
            for embeddings, image, mask in zip(self.embed(images), images, shown, strict=True)
        ]

    def embed(self, images: Sequence[U8]) -> list[dict[str, F32]]:
        """Backbone name -> [D] float32, L2-normalised, for each image; one batch a backbone. O(images)."""
        rows = {name: embedder.embed(images) for name, embedder in self.embedders.items()}
        return [{name: found[i] for name, found in rows.items()} for i in range(len(images))]

    def with_head(self, species: str, embeddings: Mapping[str, F32]) -> dict[str, F32]:
        """One photo's embeddings, with the species' tuned one beside them where there is a head."""
        head = self.heads.get(species)
        if head is None:
            return dict(embeddings)
        return {**embeddings, TUNED: head.embed({name: vector[None] for name, vector in embeddings.items()})[0]}
