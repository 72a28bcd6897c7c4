"""Feature clouds and galleries of them: all a booster needs."""

import faiss
import numpy as np

from service.cascade.values import Features, Gallery, Identity

BACKBONES = {"wide": 12, "narrow": 6}


def unit(points):
    return (points / np.linalg.norm(points, axis=-1, keepdims=True)).astype(np.float32)


def cloud(seed, individuals, encounters, photos, *, noise=0.5):
    """Individuals x encounters x photos: classes, encounter ids, embeddings by backbone."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(individuals), encounters * photos)
    met = np.repeat(np.arange(individuals * encounters), photos)
    embeddings = {}
    for name, dim in BACKBONES.items():
        centre = rng.standard_normal((individuals, dim))
        place = 0.3 * rng.standard_normal((individuals * encounters, dim))
        embeddings[name] = unit(centre[who] + place[met] + noise * rng.standard_normal((len(who), dim)))
    return who, np.asarray([f"e{m}" for m in met]), embeddings


def gallery_of(who, encounters, embeddings, *, species="lynx", viewpoints=None):
    joined = np.concatenate([embeddings[name] for name in sorted(embeddings)], axis=1) / np.sqrt(len(embeddings))
    index = faiss.IndexFlatIP(joined.shape[1])
    index.add(np.ascontiguousarray(joined, np.float32))
    words = np.asarray([str(i) for i in range(len(who))])
    identities = tuple(Identity(f"id{i}", f"Animal {i}") for i in range(int(who.max()) + 1))
    looks = np.full(len(who), "left") if viewpoints is None else np.asarray(viewpoints)
    boxes = np.zeros((len(who), 4), np.int64)
    return Gallery(
        species, "v", "f", identities, who, encounters, looks, words, words, boxes, embeddings, {"all": index}, {}
    )


def features_of(gallery, row):
    return Features({name: vectors[row] for name, vectors in gallery.embeddings.items()}, {})
