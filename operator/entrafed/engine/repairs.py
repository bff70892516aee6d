"""What others had changed and the operator has set right: counted once, and told of by an event of each object that
asks for it."""

from collections.abc import Callable, Iterable

from entrafed.api.reasons import Reason
from entrafed.domain.asks import Ask
from entrafed.domain.assignments import AssignmentAsk
from entrafed.domain.credentials import Parent
from entrafed.domain.events import Event, EventType
from entrafed.engine.assigned import spoken
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Measure
from entrafed.engine.report import event_of


class Repairs:
    """Of every kind, each in words of its own."""

    def __init__(self, objects: Objects, measure: Measure, tell: Callable[[Event], None]) -> None:
        self._objects = objects
        self._measure = measure
        self._tell = tell

    def credential(self, asks: list[Ask], name: str, was: str) -> None:
        """`was`: what others had made of it."""
        self._repaired((ask.uid for ask in asks), f"credential {name}", was)

    def assignment(self, asks: list[AssignmentAsk], parent: Parent, key: str, was: str) -> None:
        """`was`: what others had done to it."""
        self._repaired((ask.uid for ask in asks), spoken(parent, key), was)

    def output(self, uid: str, output: str) -> None:
        self._repaired((uid,), output, "changed or removed")

    def _repaired(self, uids: Iterable[str], what: str, was: str) -> None:
        self._measure.drift_repaired(1)
        note = f"{what} had been {was} by somebody else; it is as asked for again"
        for uid in uids:
            federation = self._objects.federations.get(uid)
            if federation is not None:
                self._tell(event_of(federation.metadata, EventType.NORMAL, Reason.DRIFT_REPAIRED, "Repair", note))
