"""Where sequences are played."""

from pathlib import Path

import pytest
import trustme

from entrafed_lab.azure import KeyRing
from sequences.stage import Stage


@pytest.fixture
def stage(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> Stage:
    return Stage(azure_ca, azure_keys, tmp_path)
