"""How many pairs a cycle may ask."""

import math
from fractions import Fraction
from operator import index

from service.errors import InputError

FRACTION = 2e-4
"""Share of all pairs the paper asks a cycle: 0.02 %."""


def budget(n: int, fraction: float = FRACTION, per_image: float | None = None, absolute: int | None = None) -> int:
    """Pairs of one cycle: a share of all n (n - 1) / 2, or so many an image, or so many; rounded down, at least 1.

    In whole numbers throughout: the share is the decimal number as written. The rule by share is quadratic: beyond some 20,000 images
    nobody can answer as many, so give one of the others.

    Raises:
        InputError: a share outside (0, 1], a rate or number that is not above 0, or two rules at once.
    """
    images = _whole(n, "n")
    if images < 0:
        raise InputError(f"{images} images: there cannot be fewer than none", where="n")
    if per_image is not None and absolute is not None:
        raise InputError("give a budget per image or an absolute one, not both", where="per_image")
    if absolute is not None:
        if _whole(absolute, "absolute") < 1:
            raise InputError(f"a budget of {absolute} pairs: at least 1", where="absolute")
        return _whole(absolute, "absolute")
    if per_image is not None:
        return max(1, math.floor(_exact(per_image, "per_image") * images))
    share = _exact(fraction, "fraction")
    if share > 1:
        raise InputError(f"fraction = {fraction}: a share of all pairs is at most 1", where="fraction")
    return max(1, images * (images - 1) // 2 * share.numerator // share.denominator)


def _whole(value: int, name: str) -> int:
    try:
        return index(value)
    except TypeError:
        raise InputError(f"{name} = {value!r}: a whole number expected", where=name) from None


def _exact(value: float, name: str) -> Fraction:
    """The decimal number a person wrote, above 0."""
    if not math.isfinite(value) or value <= 0:
        raise InputError(f"{name} = {value}: a number above 0 expected", where=name)
    return Fraction(repr(float(value)))
