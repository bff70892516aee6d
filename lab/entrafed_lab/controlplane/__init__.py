"""The lab's Kubernetes: a real control plane on 127.0.0.1, built from pinned sources where none is at hand."""

from .binaries import Binaries, Program, ProgramStore
from .errors import KubectlError, LabError, NotReady, ToolchainError
from .kubectl import Kubectl
from .plane import ControlPlane, Data
from .progress import OnLines, OnTerminal, Reporter, Silent, reporter_on

__all__ = [
    "Binaries",
    "ControlPlane",
    "Data",
    "Kubectl",
    "KubectlError",
    "LabError",
    "NotReady",
    "OnLines",
    "OnTerminal",
    "Program",
    "ProgramStore",
    "Reporter",
    "Silent",
    "ToolchainError",
    "reporter_on",
]
