import typer
from typer.testing import CliRunner

from export.synthetic.command import synthetic_command

app = typer.Typer()
app.command()(synthetic_command)


def test_the_command_writes_a_study_and_says_where(tmp_path):
    done = CliRunner().invoke(
        app, ["--out", str(tmp_path), "--individuals", "1", "--encounters", "3", "--coat", "stripes"]
    )
    assert done.exit_code == 0, done.output
    assert "metadata.csv" in done.output
    assert (tmp_path / "metadata.csv").exists()
