"""`python -m training`: learning from labelled photos."""

import typer

from training.arcface.command import arcface_command

app = typer.Typer(
    help="Learning from labelled photos: what comes out goes to `python -m export`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def _commands() -> None:
    """Keep `arcface` a subcommand while it is the only one."""


app.command("arcface")(arcface_command)

if __name__ == "__main__":
    app(prog_name="python -m training")
