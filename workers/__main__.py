"""`python -m workers --engine sketch --port 0`: a worker without the gateway's command line."""

import typer

from workers.command import command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(command)

if __name__ == "__main__":
    app(prog_name="python -m workers")
