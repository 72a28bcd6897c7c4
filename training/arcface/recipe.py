"""What differs between species in training: margin, scale and how photos are varied. Figures are the paper's where it gives them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from export.annotations import AnnotationRow
from service.cascade.values import FLANKS
from service.errors import InputError


class Recipe(BaseModel):
    """How a species' photos are varied, and the loss they are shown to.

    Attributes:
        s, m: scale and additive angular margin (radians) of ArcFace.
        crop: smallest share of the photo's area that a random crop keeps.
        flip: mirror half of the photos; refused where left and right flanks are told apart.
        upright: turn half of the photos so that the animal points up (the service turns none, so the other half stays).
        hide_background: paint the background of half of the photos that have a mask.
        jitter: of brightness, contrast and saturation, each by up to this share.
        dropout: one rectangle of at most this share of the area is blacked out in half of the photos.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    s: float = Field(default=64.0, gt=0)
    m: float = Field(default=0.5, ge=0, lt=1.5)
    crop: float = Field(default=0.8, gt=0, le=1)
    flip: bool = False
    upright: bool = False
    hide_background: bool = False
    jitter: float = Field(default=0.2, ge=0, lt=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "default": Recipe(name="default"),
        "lynx": Recipe(name="lynx", crop=0.9, hide_background=True),
        "salamander": Recipe(name="salamander", s=30.0, m=0.35, upright=True),
        "turtle": Recipe(name="turtle", flip=True),
    }
)


def recipe_for(name: str, rows: Sequence[AnnotationRow]) -> Recipe:
    """The recipe called `name`, if it suits these photos.

    Raises:
        InputError: no such recipe, or it mirrors photos of a species whose flanks differ.
    """
    if name not in RECIPES:
        raise InputError(f"no recipe is called {name!r}; there are {', '.join(RECIPES)}", where="recipe")
    recipe = RECIPES[name]
    if recipe.flip and any(row.viewpoint in FLANKS for row in rows):
        raise InputError(
            f"recipe {name} mirrors photos, and a mirrored left flank is nobody's right flank: choose one that does not for this species",
            where="recipe",
        )
    return recipe
