"""`python -m export`: models, galleries, fits and evaluations."""

import typer

from export.ablation.card_command import card_command
from export.ablation.command import ablate_command
from export.demo import demo_command
from export.evaluation.command import evaluate_command
from export.fit.command import fit_command
from export.gallery import gallery_command
from export.head_command import head_command
from export.models_command import models_command
from export.synthetic.command import synthetic_command

app = typer.Typer(
    help="Labelled photos and pretrained networks -> sealed bundles, galleries, fitted policies, honest figures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("models")(models_command)
app.command("gallery")(gallery_command)
app.command("fit")(fit_command)
app.command("head")(head_command)
app.command("evaluate")(evaluate_command)
app.command("ablate")(ablate_command)
app.command("card")(card_command)
app.command("synthetic")(synthetic_command)
app.command("demo")(demo_command)

if __name__ == "__main__":
    app(prog_name="python -m export")
