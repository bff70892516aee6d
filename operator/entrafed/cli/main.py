"""The command `entrafed`.

What a command needs is imported when it runs: Kopf and the Microsoft SDKs take a second, which `--help` need not.
"""

import sys
import traceback
from importlib.metadata import version
from typing import Annotated, Any

import typer

from entrafed.cli.options import with_flags_of
from entrafed.runtime.settings import PREFIX, BadSettings, Settings, load_settings

app = typer.Typer(
    name="entrafed",
    help="Keeps Microsoft Entra federated identity credentials true to ManagedIdentityFederation objects.",
    epilog="Examples:  entrafed run --log-format console  ·  entrafed crds | kubectl apply --server-side -f -  ·  "
    "entrafed explain 700213",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Failure(Exception):
    """What the user is told in one line, and the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@app.command(name="run")
@with_flags_of(Settings, PREFIX)
def run_operator(**flags: Any) -> None:
    """Run the operator until SIGTERM.

    Every flag can be given as a variable too; a flag wins.

    Example: entrafed run --kubeconfig .lab/operator.kubeconfig --log-format console
    """
    try:
        settings = load_settings(flags)
    except BadSettings as error:
        raise Failure(str(error), code=2) from error
    from entrafed.kube.access import NoAccess  # noqa: PLC0415 # late: see above
    from entrafed.runtime.health import CannotListen  # noqa: PLC0415 # late: see above
    from entrafed.runtime.main import run  # noqa: PLC0415 # late: see above
    from entrafed.runtime.wiring import connect  # noqa: PLC0415 # late: see above

    try:
        raise typer.Exit(run(settings, connect))
    except (NoAccess, CannotListen) as error:
        raise Failure(str(error), code=2) from error


@app.command()
def crds() -> None:
    """Print the CustomResourceDefinitions as YAML.

    Example: entrafed crds | kubectl apply --server-side -f -
    """
    from entrafed.api.crd import as_yaml, definitions  # noqa: PLC0415 # late: see above

    sys.stdout.write("---\n".join(as_yaml(definition) for definition in definitions().values()))


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="The number behind AADSTS, with or without that word.", metavar="CODE")],
) -> None:
    """Say in words what an error code of Entra's token endpoint means, and what to do.

    Example: entrafed explain AADSTS700213
    """
    from entrafed.azure.aadsts import explain as explained  # noqa: PLC0415 # late: see above

    digits = code.strip().upper().removeprefix("AADSTS")
    if not digits.isdecimal():
        raise Failure(f"{code!r} is not an error code of Entra: give its number, such as 700213", code=2)
    words = explained(int(digits))
    if words is None:
        raise Failure(f"AADSTS{digits} is not known here: see https://login.microsoftonline.com/error?code={digits}")
    typer.echo(f"AADSTS{digits}: {words}")


@app.command(name="version")
def show_version() -> None:
    """Print the version."""
    typer.echo(f"entrafed {version('entrafed')}")


VERBOSE = ("--verbose", "-v")


@app.callback()
def entrafed(
    verbose: Annotated[
        bool, typer.Option(*VERBOSE, help="Show the traceback of a failure; anywhere on the line.")
    ] = False,
) -> None:
    """Declares what all commands share; `main` has taken the flag off the line already."""


def main() -> None:
    """Run the command line; a failure is one line on stderr."""
    arguments = sys.argv[1:]
    verbose = any(argument in VERBOSE for argument in arguments)
    try:
        app([argument for argument in arguments if argument not in VERBOSE])
    except Exception as error:
        if verbose:
            traceback.print_exc()
        line = " ".join(str(error).split()) or type(error).__name__
        typer.echo(f"entrafed: {line}", err=True)
        sys.exit(error.code if isinstance(error, Failure) else 1)
