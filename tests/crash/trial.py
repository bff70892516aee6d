"""One scenario on trial: what can go wrong in it, and what came of each."""

from collections import Counter

from crash.chronicle import Crash, Mode, Point
from crash.judgement import differences
from crash.lives import NeverQuiet, Scenario, Stage, Story


def crashes(clean: Story) -> list[Crash]:
    """Everything that can go wrong: each write, in each way."""
    seen, found = Counter[str](), list[Crash]()
    for write in clean.writes:
        found += [Crash(Point(write.name, seen[write.name]), mode) for mode in Mode]
        seen[write.name] += 1
    return found


def untried(clean: Story, tried: list[Crash]) -> list[str]:
    """The recorded writes that were no crash point in one of the modes, one line each."""
    lines = []
    for mode in Mode:
        missing = Counter(write.name for write in clean.writes)
        missing.subtract(Counter(crash.point.write for crash in tried if crash.mode is mode))
        lines += [f"{name}, {mode}: {count} times no crash point" for name, count in missing.items() if count > 0]
    return lines


async def wrong(stage: Stage, scenario: Scenario, clean: Story, crash: Crash) -> list[str]:
    """What differs in the end when this goes wrong."""
    try:
        return differences(clean, await stage.play(scenario, crash), crash)
    except NeverQuiet:
        return ["it never became quiet"]
