"""Ports are chosen once: by the time that something listens there, another lab may have looked."""

import random
import subprocess
import sys

from entrafed_lab.controlplane.ports import CANDIDATES, free_port, is_free

CHOOSE = "import random; from entrafed_lab.controlplane.ports import free_port; print(free_port(random.Random(1)))"


def test_a_port_is_chosen_once_though_nobody_listens_there_yet() -> None:
    first, second = free_port(random.Random(1)), free_port(random.Random(1))
    assert first != second
    assert {first, second} <= set(CANDIDATES)
    assert is_free(first)


def test_another_process_chooses_another_port() -> None:
    chosen = free_port(random.Random(1))
    other = subprocess.run([sys.executable, "-c", CHOOSE], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own script
    assert int(other.stdout) != chosen
    assert is_free(int(other.stdout))
