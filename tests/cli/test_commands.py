"""The command `entrafed`, as a user types it."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from entrafed.runtime.settings import Settings


def entrafed(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", "from entrafed.cli.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200", **environment},
        check=False,
    )


@pytest.mark.parametrize("command", [(), ("run",), ("crds",), ("explain",), ("version",)])
def test_help_gives_an_example(command: tuple[str, ...]) -> None:
    shown = entrafed(*command, "--help")

    assert shown.returncode == 0
    assert "Example" in shown.stdout or command == ("version",)
    assert "\x1b[" not in shown.stdout


def test_every_setting_is_a_flag_and_a_variable() -> None:
    shown = entrafed("run", "--help").stdout

    assert Settings.model_fields
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in shown
        assert f"ENTRAFED_{name.upper()}" in shown


def test_the_version_is_the_packages() -> None:
    assert entrafed("version").stdout == f"entrafed {version('entrafed')}\n"


def test_the_definitions_are_printed_as_yaml() -> None:
    kinds = [document["spec"]["names"]["kind"] for document in yaml.safe_load_all(entrafed("crds").stdout)]

    assert sorted(kinds) == ["EntraConnection", "ManagedIdentityFederation"]


@pytest.mark.parametrize("code", ["700213", "AADSTS700213", "aadsts700213"])
def test_a_code_of_entra_is_explained(code: str) -> None:
    told = entrafed("explain", code)

    assert told.returncode == 0
    assert told.stdout.startswith("AADSTS700213: ")
    assert "subject" in told.stdout


def test_an_unknown_code_is_told_where_to_look_it_up() -> None:
    told = entrafed("explain", "1")

    assert told.returncode == 1
    assert "https://login.microsoftonline.com/error?code=1" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("explain", "x"), "entrafed: 'x' is not an error code of Entra: give its number, such as 700213"),
        (("run", "--listen", "x"), "entrafed: --listen or ENTRAFED_LISTEN: must be host:port, such as 0.0.0.0:8080"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, ...], line: str) -> None:
    told = entrafed(*arguments)

    assert told.returncode == 2
    assert told.stderr.startswith(line)
    assert told.stderr.count("\n") == 1


def test_a_bad_variable_is_told_like_a_bad_flag() -> None:
    told = entrafed("run", ENTRAFED_TIME_SCALE="fast")

    assert told.returncode == 2
    assert told.stderr.startswith("entrafed: --time-scale or ENTRAFED_TIME_SCALE: ")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_traceback_is_shown_on_demand_wherever_the_flag_stands(place: int) -> None:
    arguments = ["explain", "x"]
    arguments.insert(place, "-v")
    told = entrafed(*arguments)

    assert told.returncode == 2
    assert "Traceback" in told.stderr


def test_a_kubeconfig_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    told = entrafed("run", "--kubeconfig", str(tmp_path / "nothing"))

    assert told.returncode == 2
    assert "does not exist" in told.stderr
