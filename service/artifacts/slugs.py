"""A species' name as part of a path."""

import hashlib
import re
import unicodedata

_RESERVED = frozenset({"photos"})


def slug(species: str) -> str:
    """The species' folder name, [a-z0-9-]+, different for every species: `Giraffe (Masai)` -> `giraffe-masai-1f3a9c`.

    Lower-case words keep their plain form; any other name loses something on the way and gets a short hash.
    """
    ascii_ = unicodedata.normalize("NFKD", species).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_).strip("-")[:60].strip("-")
    if plain and plain.replace("-", " ") == species and plain not in _RESERVED:
        return plain
    return f"{plain or 'species'}-{hashlib.sha256(species.encode()).hexdigest()[:6]}"
