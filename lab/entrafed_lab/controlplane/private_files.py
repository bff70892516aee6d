"""Files that only their owner may read, replaced whole: no reader ever sees half of one."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, content: bytes | str) -> None:
    """Write `path` with mode 0600, by rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes 0600 from the start: there is no moment in which others could open it
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> Path:
    """`path`, made if missing, readable by its owner only."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path
