"""What the process does not carry."""

import subprocess
import sys

LISTING = "import sys, entrafed.runtime.main; print(*sys.modules)"


def test_the_kubernetes_api_classes_which_weigh_93_mib_are_not_imported() -> None:
    modules = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", LISTING], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()

    assert "kubernetes.aio.client.api_client" in modules
    assert [name for name in modules if name.endswith("core_v1_api")] == []
