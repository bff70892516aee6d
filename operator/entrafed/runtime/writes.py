"""The gate that every write, to Azure and to Kubernetes, passes last."""

from entrafed.domain.errors import WritesStopped


class WriteGate:
    """Open until the process begins to end. A write that was sent before is not called back."""

    def __init__(self) -> None:
        self._open = True

    def close(self) -> None:
        """From now on no write starts."""
        self._open = False

    def pass_through(self) -> None:
        """Called in the instant before a write is sent; raises `WritesStopped` when the gate is closed."""
        if not self._open:
            raise WritesStopped("the process is ending")
