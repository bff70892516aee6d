"""What Argo CD and Flux make of an object, by the script and the expressions that users are given."""

from functools import cache
from pathlib import Path
from typing import Any

import cel
import yaml
from lupa.lua54 import LuaRuntime

from kstatus import KStatus

HERE = Path(__file__).parents[1] / "docs/how-to/gitops"

SAME = {
    KStatus.IN_PROGRESS: {"Progressing", "Suspended"},
    KStatus.FAILED: {"Degraded"},
    KStatus.CURRENT: {"Healthy"},
    KStatus.TERMINATING: {"Progressing"},
}
"""What Argo CD may say of an object of which kstatus says so."""


def argo_health(body: dict[str, Any]) -> tuple[str, str]:
    """Health and message. Argo CD runs no script for what is being deleted."""
    if "deletionTimestamp" in body["metadata"]:
        return "Progressing", "Pending deletion"
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(body, recursive=True)
    health: Any = lua.execute((HERE / "health.lua").read_text())
    return str(health["status"]), str(health["message"])


@cache
def _expressions(kind: str) -> dict[str, str]:
    entries = yaml.safe_load((HERE / "flux.yaml").read_text())
    (found,) = (entry for entry in entries if entry["kind"] == kind)
    return dict(found)


def flux_status(body: dict[str, Any]) -> KStatus:
    """The first of these that holds, in Flux's order; what is being deleted it judges as kstatus does."""
    if "deletionTimestamp" in body["metadata"]:
        return KStatus.TERMINATING
    named = (
        ("inProgress", KStatus.IN_PROGRESS),
        ("failed", KStatus.FAILED),
        ("current", KStatus.CURRENT),
    )
    for name, status in named:
        if cel.evaluate(_expressions(body["kind"])[name], {"status": {}, **body}):
            return status
    return KStatus.IN_PROGRESS
