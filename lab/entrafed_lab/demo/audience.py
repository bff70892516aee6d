"""The one who presents the demo, at the keyboard."""

import asyncio
import sys

from .checks import Step


async def until_enter(_: Step) -> None:
    """Wait for a line on standard input. Not in a thread, which an interrupt could not end."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, pressed.set)
    try:
        await pressed.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)
