"""`python -m training`: learning from photos, labelled or asked about."""

import typer

from training.arcface.command import arcface_command
from training.comparison.command import compare_command
from training.peers.command import peers_command
from training.running.command import cycle_command

app = typer.Typer(
    help="Learning from photos, labelled or asked about: what comes out goes to `python -m export`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("arcface")(arcface_command)
app.command("cycle")(cycle_command)
app.command("compare")(compare_command)
app.command("peers")(peers_command)

if __name__ == "__main__":
    app(prog_name="python -m training")
