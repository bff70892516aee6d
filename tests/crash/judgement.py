"""What a story in which something went wrong may differ in from the undisturbed one: nothing, but a few repetitions."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from crash.chronicle import Crash, Mode
from crash.lives import Story

RECOVERY = 40  # requests that setting right may cost; what asks without a pause asks hundreds of times


def differences(clean: Story, story: Story, crash: Crash) -> list[str]:
    """Everything that must not be, one line each."""
    if not story.has_struck:
        return ["this write never came, so nothing went wrong at it"]
    return [
        *(
            f"after step {number}: {difference}"
            for number, (wanted, got) in enumerate(zip(clean.moments, story.moments, strict=True), 1)
            for difference in _compared(wanted, got, "")
        ),
        *_wrong_writes(clean, story, crash),
        *_wrong_in_kubernetes(clean, story),
        *_too_many_requests(clean, story),
    ]


def _wrong_writes(clean: Story, story: Story, crash: Crash) -> Iterator[str]:
    """Azure takes each write of the undisturbed story exactly as often as there.

    Sent beyond that, and only after something went wrong, may be what has no effect any more: a creation or a deletion
    that Azure refuses because it is done, an update to what stands already. When an answer was lost, once the write in
    question; when the operator died, once each of those of the dead one that had reached Azure: a replica that lags
    shows none of them, nor does it help to ask again, and what was recorded is removed by its name.
    """
    missing = Counter(write.name for write in clean.writes if write.is_azure)
    reached = {write.name for write in story.writes if write.before_crash and write.status is not None}
    repeatable = Counter({crash.point.write} if crash.mode is Mode.LOST else reached)
    for write in story.writes:
        reached_nobody = write.status is None and write.name == crash.point.write
        if not write.is_azure or reached_nobody:
            continue
        if write.took_effect and missing[write.name] > 0:
            missing[write.name] -= 1
        elif not write.before_crash and write.is_repetition and repeatable[write.name] > 0:
            repeatable[write.name] -= 1
        else:
            yield f"Azure was sent one more: {write.name} -> {write.status}"
    yield from (f"Azure was never sent: {name}" for name, count in missing.items() if count)


def _wrong_in_kubernetes(clean: Story, story: Story) -> Iterator[str]:
    """Finalizers and outputs are written as often as in the undisturbed story; a status may be, as things progress, at
    any time."""
    wanted, got = (
        Counter(w.name for w in one.writes if not w.is_azure and "status " not in w.name) for one in (clean, story)
    )
    for name in wanted | got:
        if wanted[name] != got[name]:
            yield f"{name}: written {got[name]} times instead of {wanted[name]}"


def _too_many_requests(clean: Story, story: Story) -> Iterator[str]:
    if story.requests > clean.requests + RECOVERY:
        yield f"Azure was asked {story.requests} times instead of {clean.requests}"


def _compared(wanted: Any, got: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in wanted | got:
            at = f"{path}/{key}"
            if key not in got:
                yield f"{at} is missing: {wanted[key]}"
            elif key not in wanted:
                yield f"{at} is too much: {got[key]}"
            else:
                yield from _compared(wanted[key], got[key], at)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from _compared(one, other, f"{path}/{number}")
    elif wanted != got:
        yield f"{path} is {got!r} instead of {wanted!r}"
