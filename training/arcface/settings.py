"""What a run was asked for; a run folder answers one question only."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.arcface.recipe import Recipe
from training.stages.files import keep_question

Train = Literal["head", "one-backbone", "all"]


class Settings(BaseModel):
    """Everything that changes what comes out.

    Attributes:
        annotations_sha256, backbones_sha: of the labels, and of the bundle's backbones.
        views: varied versions of each photo beside the photo itself (`head`).
        epochs: of fine-tuning. tune: backbone that is fine-tuned (`one-backbone`); None: all.
        folds: heads fitted without a fold of individuals; 0: none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    species: str
    train: Train
    recipe: Recipe
    annotations_sha256: str
    backbones_sha: str
    masks: Path | None = None
    views: int = Field(default=4, ge=0, le=64)
    epochs: int = Field(default=20, ge=5, le=1000)
    tune: str | None = None
    folds: int = Field(default=5, ge=0, le=50)
    seed: int = 0


def keep(settings: Settings, folder: Path) -> None:
    """Write the settings into a new run folder, or check that they are the old ones.

    Raises:
        InputError: the folder holds a run with other settings.
    """
    keep_question(folder, settings.model_dump(mode="json"))
