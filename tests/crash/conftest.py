"""Where stories are played."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import trustme
from structlog.typing import EventDict, WrappedLogger

from crash.lives import Stage
from entrafed_lab.azure import KeyRing


@pytest.fixture
def stage(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> Stage:
    """A stage without lagging replicas."""
    return Stage(azure_ca, azure_keys, tmp_path)


@pytest.fixture(autouse=True)
def unexpected() -> Iterator[list[str]]:
    """What the operator did not expect, as it happens: two stories that fail alike would else count as equal.

    Nothing else is logged: hundreds of lives would bury what differs.
    """
    found = list[str]()

    def note(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
        if entry["event"] == "unexpected":
            found.append(repr(entry))
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.processors.format_exc_info, note],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    yield found
    structlog.reset_defaults()
