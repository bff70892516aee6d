"""What can go wrong in the lab, as its user reads it.

LabError
├── ToolchainError     no programs to run, and none can be built
├── NotReady           a component ended, or did not get ready in time
└── KubectlError       kubectl said no
"""


class LabError(Exception):
    """One line for the user: what failed, why, and what to do. `detail` is what a program printed, if it helps."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}\n{self.detail}" if self.detail else self.message


class ToolchainError(LabError):
    """The programs of the control plane are not there and cannot be built."""


class NotReady(LabError):
    """A component ended by itself, or was not ready in time; `detail` is the end of its log."""


class KubectlError(LabError):
    """kubectl ended with another code than 0; `detail` is its stderr."""
