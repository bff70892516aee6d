"""The four programs of a control plane: found, or built from the Go modules that lab/controlplane pins.

Looked for in this order, each program for itself (KUBEBUILDER_ASSETS as envtest fills it has no
kube-controller-manager): the folder KUBEBUILDER_ASSETS; what was built before, in the XDG cache under the hash of
go.mod and go.sum; a build now.
"""

import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .commands import run
from .errors import ToolchainError
from .locks import FileLock, waiting_for
from .progress import Reporter, Silent
from .toolchain import Go, build_environment, provide_go, wanted_version

MODULE = Path(__file__).parents[2] / "controlplane"
BUILD_LIMIT = 3600.0  # seconds per program; measured cold on 2 cores: kube-apiserver about 5 min
KUBERNETES = "v1.37.2"


class Program(Enum):
    """What is run: file name and Go package. In the order of building, the longest first, while patience lasts."""

    KUBE_APISERVER = ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")
    KUBE_CONTROLLER_MANAGER = ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager")
    KUBECTL = ("kubectl", "k8s.io/kubernetes/cmd/kubectl")
    ETCD = ("etcd", "go.etcd.io/etcd/server/v3")

    def __init__(self, file_name: str, package: str) -> None:
        self.file_name = file_name
        self.package = package


@dataclass(frozen=True, slots=True)
class Binaries:
    """Paths of the programs of one control plane."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


class ProgramStore:
    """Finds programs, and builds what is missing, once for all processes of this user.

    `environ` is the process environment: KUBEBUILDER_ASSETS, XDG_CACHE_HOME, HOME, PATH, and what Go and pip read.
    """

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, module: Path = MODULE, report: Reporter | None = None
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._module = module
        self._report = report or Silent()

    @property
    def cache(self) -> Path:
        """Where everything built or fetched is kept: it may be removed at any time."""
        base = self._environ.get("XDG_CACHE_HOME") or Path(self._environ.get("HOME") or Path.home(), ".cache")
        return Path(base) / "entrafed-lab"

    @property
    def built(self) -> Path:
        """Where programs built from exactly these modules for this kind of machine are kept."""
        try:
            pins = (self._module / "go.mod").read_bytes() + (self._module / "go.sum").read_bytes()
        except FileNotFoundError as error:
            raise ToolchainError(
                f"{error.filename} is missing: run from a checkout of entrafed, or set KUBEBUILDER_ASSETS, "
                "or use --kubeconfig"
            ) from None
        key = hashlib.sha256(pins).hexdigest()[:16]
        return self.cache / f"{KUBERNETES}-{key}-{platform.system().lower()}-{platform.machine()}"

    async def control_plane(self) -> Binaries:
        """All four programs."""
        paths = await self.provide(Program)
        return Binaries(
            etcd=paths[Program.ETCD],
            kube_apiserver=paths[Program.KUBE_APISERVER],
            kube_controller_manager=paths[Program.KUBE_CONTROLLER_MANAGER],
            kubectl=paths[Program.KUBECTL],
        )

    async def kubectl(self) -> Path:
        """kubectl alone: the one in PATH if there is one, as it is the one that the user knows."""
        installed = shutil.which("kubectl", path=self._environ.get("PATH", ""))
        return Path(installed) if installed else (await self.provide([Program.KUBECTL]))[Program.KUBECTL]

    async def provide(self, programs: Iterable[Program]) -> dict[Program, Path]:
        """Where each of `programs` is, after building those that were nowhere. Raises `ToolchainError`."""
        wanted = tuple(programs)
        if any(self.find(program) is None for program in wanted):
            lock = FileLock(self.cache / "build.lock")
            async with waiting_for(
                lock,
                within=BUILD_LIMIT,
                on_wait=lambda: self._report.doing("waiting for another process that builds the control plane"),
            ):
                await self._build([program for program in wanted if self.find(program) is None])
        return {program: self._require(program) for program in wanted}

    def find(self, program: Program) -> Path | None:
        """Where `program` is, if it need not be built."""
        assets = self._environ.get("KUBEBUILDER_ASSETS")
        if assets and not any(Path(assets, each.file_name).exists() for each in Program):
            raise ToolchainError(f"KUBEBUILDER_ASSETS names {assets}, which holds none of the control plane's programs")
        folders = [Path(assets)] if assets else []
        for folder in (*folders, self.built):
            path = folder / program.file_name
            if os.access(path, os.X_OK):
                return path.absolute()
        return None

    def _require(self, program: Program) -> Path:
        path = self.find(program)
        if path is None:
            raise ToolchainError(f"{program.file_name} was built, but is not to be found in {self.built}")
        return path

    async def _build(self, missing: list[Program]) -> None:
        if not missing:
            return
        go = await provide_go(wanted_version(self._module / "go.mod"), self.cache, self._environ, self._report)
        self._report.say(
            f"building the control plane of Kubernetes {KUBERNETES} with Go {'.'.join(map(str, go.version))}: "
            f"{', '.join(program.file_name for program in missing)}; "
            f"kept in {self.built}, so this happens once (about 8 minutes on 2 cores)"
        )
        self.built.mkdir(parents=True, exist_ok=True)
        for number, program in enumerate(missing, 1):
            await self._build_one(program, go, f"{program.file_name} ({number} of {len(missing)})")

    async def _build_one(self, program: Program, go: Go, title: str) -> None:
        """Build to a temporary place, then rename: a program is there whole or not at all."""
        started, compiled = time.monotonic(), 0

        def count(line: str) -> None:
            nonlocal compiled
            compiled += not line.startswith(("#", "go:", " ", "\t"))

        def tell() -> None:
            seconds = time.monotonic() - started
            self._report.doing(f"building {title}: {compiled} packages compiled, {seconds:.0f} s")

        with tempfile.TemporaryDirectory(dir=self.built, prefix=".build-") as scratch:
            output = Path(scratch, program.file_name)
            flags = ["-v", "-trimpath", "-buildvcs=false", "-mod=readonly"]
            symbols = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
            try:
                outcome = await run(
                    [go.program, "build", *flags, "-ldflags", symbols, "-o", output, program.package],
                    environment=build_environment(self._environ),
                    directory=self._module,
                    within=BUILD_LIMIT,
                    on_line=count,
                    on_tick=tell,
                )
            except TimeoutError:
                raise ToolchainError(f"building {program.file_name} took longer than {BUILD_LIMIT:.0f} s") from None
            if not outcome.is_success:
                raise ToolchainError(
                    f"building {program.file_name} failed (go build ended with code {outcome.code}). Where its modules "
                    "cannot be downloaded (see GOPROXY), set KUBEBUILDER_ASSETS or use --kubeconfig.",
                    detail=outcome.err,
                )
            os.replace(output, self.built / program.file_name)  # noqa: PTH105 - one system call, not worth a thread
        self._report.say(f"built {title} in {time.monotonic() - started:.0f} s")
