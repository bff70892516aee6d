"""How a status tells of outputs."""

from collections.abc import Iterable

from entrafed.api.reasons import Reason
from entrafed.api.status import OutputStatus
from entrafed.domain.findings import OutputFinding
from entrafed.domain.states import state_of
from entrafed.domain.times import to_text


def output_row(finding: OutputFinding) -> OutputStatus:
    """The row of one output."""
    problem = finding.problem
    return OutputStatus(
        kind=finding.output.kind,
        name=finding.output.name,
        state=state_of(problem),
        reason=problem.reason if problem else Reason.SYNCED,
        message=problem.message if problem else "holds exactly what is asked for",
        field_manager=finding.manager,
        denied_since=None if finding.denied_since is None else to_text(finding.denied_since),
    )


def sorted_rows(rows: Iterable[OutputStatus]) -> tuple[OutputStatus, ...]:
    """In the order that the API server keeps them in."""
    return tuple(sorted(rows, key=lambda row: (row.name, row.kind)))
