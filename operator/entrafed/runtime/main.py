"""`entrafed run`: from settings to an exit code."""

import asyncio
import os
import signal

from entrafed.kube.access import Access, source_of
from entrafed.runtime.logs import configure_logs
from entrafed.runtime.process import Build, Ending, Process
from entrafed.runtime.settings import Settings


def run(settings: Settings, build: Build) -> int:
    """Run until SIGTERM or SIGINT; the answer is the exit code. Raises `NoAccess` or `CannotListen`."""
    configure_logs(settings.log_level, settings.log_format)
    return asyncio.run(_run(settings, build)).value


async def _run(settings: Settings, build: Build) -> Ending:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    access = await Access.open(source_of(settings.kubeconfig, os.environ), loop.time)
    return await Process(settings, access, build, stop).run()
