"""`python -m bench sharing|hosts`: figures as JSON on stdout, as a table for people on stderr."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import looptime
import structlog
from rich.console import Console
from rich.table import Table

from bench.hosts import Crowd, HostFigures, measure_hosts
from bench.sharing import Figures, Size, measure


def main() -> None:
    """Measure and print. The exit code is 1 when Azure refused anything for the operator's own doing."""
    wish = vars(_arguments().parse_args())
    what = wish.pop("what")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0, _enabled=True)) as runner:
        figures = runner.run(_measure(what, wish))
    _show(what, figures.as_json())
    sys.exit(1 if figures.conflicts or figures.throttled else 0)


async def _measure(what: str, wish: Mapping[str, int]) -> Figures | HostFigures:
    return await measure(Size(**wish)) if what == "sharing" else await measure_hosts(Crowd(**wish))


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="bench", description="Measure in virtual time, throttling on.")
    kinds = arguments.add_subparsers(dest="what", required=True)
    sharing, size = kinds.add_parser("sharing", help="Fill many shared targets."), Size()
    sharing.add_argument("--applications", type=int, default=size.applications)
    sharing.add_argument("--identities", type=int, default=size.identities)
    sharing.add_argument("--per-target", type=int, default=size.per_target, help="credentials on each, up to 20")
    sharing.add_argument("--objects-per-target", type=int, default=size.objects_per_target)
    hosts, crowd = kinds.add_parser("hosts", help="Give many identities to few hosts, and take them back."), Crowd()
    hosts.add_argument("--objects", type=int, default=crowd.objects)
    hosts.add_argument("--hosts", type=int, default=crowd.hosts)
    hosts.add_argument("--hosts-per-object", type=int, default=crowd.hosts_per_object, help="up to 20")
    return arguments


def _show(what: str, figures: Mapping[str, Any]) -> None:
    table = Table("figure", "value", title=f"{what}, throttling on, in virtual time")
    for name, value in figures.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console(stderr=True).print(table)
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
