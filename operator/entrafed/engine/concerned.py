"""Whom a step at a parent concerns. Pure."""

from entrafed.domain.asks import Ask, Stance
from entrafed.domain.connections import SignIn
from entrafed.domain.marks import read_mark
from entrafed.domain.plan import Create, Delete, Step, Update
from entrafed.engine.lane import Lane


def owners_of_drift(step: Create | Update, lane: Lane, asks: list[Ask]) -> list[Ask]:
    """Whom to tell that a write brought back what others had changed: it was recorded, and we did not remove it."""
    name, trust = step.credential.name, step.credential.trust
    if lane.has_removed(name):
        return []
    return [
        ask
        for ask in asks
        if ask.stance is Stance.RECONCILE and any(r.trust == trust and r.name == name for r in ask.records)
    ]


def writer_of(step: Step, asks: list[Ask]) -> SignIn | None:
    """Whose connection takes a step: that of one who wants it, or of one whose it was."""
    if isinstance(step, Delete):
        mark = read_mark(step.name)
        concerned = [
            ask for ask in asks if (mark and mark.owner == ask.owner) or step.name in {r.name for r in ask.records}
        ]
    else:
        concerned = [ask for ask in asks if ask.stance is Stance.RECONCILE and step.credential.trust in ask.wanted]
    return next((ask.sign_in for ask in [*concerned, *asks] if ask.sign_in is not None), None)
