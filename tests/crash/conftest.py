"""Where stories are played."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import trustme

from crash.lives import Stage
from entrafed_lab.azure import KeyRing


@pytest.fixture
def stage(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> Stage:
    """A stage without lagging replicas."""
    return Stage(azure_ca, azure_keys, tmp_path)


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Hundreds of lives would bury what differs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
