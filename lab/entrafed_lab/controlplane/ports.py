"""Ports on loopback."""

import asyncio
import os
import random
import socket
import tempfile
from pathlib import Path

from .errors import LabError
from .locks import FileLock

# Below the range from which kernels take source ports of outgoing connections (32768 on Linux, 49152 elsewhere): a kept
# port taken from that range would now and then be in use as somebody's source port when the lab starts again.
CANDIDATES = range(21000, 32000)
LET_GO = 20.0  # seconds; kube-apiserver may hold its port for a while after it was asked to end
CLAIMS = Path(tempfile.gettempdir()) / f"entrafed-lab-ports-{os.getuid()}"
"""A lock for each port that a process of this user has chosen: what is to listen there takes a while to start."""
_claimed: list[FileLock] = []  # until this process ends


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(rng: random.Random) -> int:
    """A port on which nobody listens now, and which no other lab of this user chooses while this process lives."""
    for _ in range(200):
        port = rng.choice(CANDIDATES)
        claim = FileLock(CLAIMS / str(port))
        if is_free(port) and claim.acquire():
            _claimed.append(claim)
            return port
    raise LabError("no free port was found on 127.0.0.1 between 21000 and 32000 in 200 tries")


async def kept_port(path: Path, rng: random.Random) -> int:
    """The port written in `path`, once it is free; or a new one, which is then written there."""
    port = _read_or_choose(path, rng)
    for _ in range(int(LET_GO / 0.1)):
        if is_free(port):
            return port
        await asyncio.sleep(0.1)
    raise LabError(
        f"port {port} on 127.0.0.1, which {path} keeps for the service-account issuer, is used by another process: "
        f"end that process, or remove {path} to get another issuer"
    )


def _read_or_choose(path: Path, rng: random.Random) -> int:
    if not path.exists():
        path.write_text(f"{free_port(rng)}\n")
    return int(path.read_text())
