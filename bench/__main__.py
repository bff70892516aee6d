"""`python -m bench`: figures as JSON on stdout, as a table for people on stderr."""

import argparse
import asyncio
import json
import logging
import sys

import looptime
import structlog
from rich.console import Console
from rich.table import Table

from bench.sharing import Figures, Size, measure


def main() -> None:
    """Measure and print. The exit code is 1 when Azure refused anything for the operator's own doing."""
    size = Size()
    arguments = argparse.ArgumentParser(prog="bench", description="Fill many shared targets, in virtual time.")
    arguments.add_argument("--applications", type=int, default=size.applications)
    arguments.add_argument("--identities", type=int, default=size.identities)
    arguments.add_argument("--per-target", type=int, default=size.per_target, help="credentials on each, up to 20")
    arguments.add_argument("--objects-per-target", type=int, default=size.objects_per_target)
    size = Size(**vars(arguments.parse_args()))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0, _enabled=True)) as runner:
        figures = runner.run(measure(size))
    _show(figures)
    json.dump(figures.as_json(), sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(1 if figures.conflicts or figures.throttled else 0)


def _show(figures: Figures) -> None:
    table = Table("figure", "value", title="shared targets, throttling on, in virtual time")
    for name, value in figures.as_json().items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
