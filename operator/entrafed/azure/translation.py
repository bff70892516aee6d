"""What an answer of Microsoft, or the lack of one, is for the engine."""

import re

from entrafed.api.reasons import Reason
from entrafed.azure.aadsts import AADSTS
from entrafed.azure.answers import Answer, clean, quote
from entrafed.azure.assignment_errors import ASSIGNMENT_ROWS
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import SPOKEN, Call, Operation, Service
from entrafed.azure.error_table import REFUSALS, ROWS, UNAVAILABLE
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind

HELD = {"SubscriptionRequestsThrottled": Scope.SUBSCRIPTION, "TenantRequestsThrottled": Scope.TENANT}
"""Whose budget is used up, where ARM says so. Source:
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling"""

TABLE = (*ASSIGNMENT_ROWS, *ROWS)
"""Read from the top; the first row that fits decides."""

_ACTION = re.compile(r"perform action '([^']{1,200})'(?! on scope)")
_LINKED = re.compile(r"on the linked scope\(s\) '([^']{1,1000})'")
_NO_TEXT = "no reason was given"


def translate(call: Call, answer: Answer) -> AzureProblem:
    """The exception that an answer without success is for the engine."""
    if call.operation is Operation.SIGN_IN and answer.aadsts and answer.status in REFUSALS:
        return _sign_in(call, answer)
    row = next((row for row in TABLE if row.fits(call, answer)), None)
    if row is None:
        return _unknown(call, answer)
    advice = row.advice.format(
        text=quote(answer.text) or _NO_TEXT, action=_missing_action(answer.text), linked=_linked(answer.text)
    )
    after = row.after if answer.retry_after is None else answer.retry_after
    problem = Problem(row.kind, row.reason, _sentence(call, advice, answer), after)
    answered = answer.status not in UNAVAILABLE or row.reason is Reason.CONCURRENT_WRITE
    return row.raises(problem, request_id=answer.request_id, answered=answered)


def held(call: Call, answer: Answer) -> Scope | None:
    """Whose budget the answer's Retry-After holds; None when it has none, or is about one object."""
    if answer.retry_after is None or answer.status not in (429, 503) or answer.code == "Directory_ConcurrencyViolation":
        return None
    if call.service is not Service.ARM:
        return Scope.TENANT
    return HELD.get(answer.code or "", Scope.RESOURCE)


def no_answer(call: Call, cause: str) -> AzureProblem:
    """A request that was not answered: refused, cut off, or too slow."""
    message = f"Cannot {call.doing}: {SPOKEN[call.service]} did not answer ({cause}); it is tried again"
    return AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, message), answered=False)


def unreadable(call: Call, cause: str) -> AzureProblem:
    """A success whose body is not what was asked for. A write may have happened."""
    message = f"Cannot {call.doing}: {SPOKEN[call.service]} gave an answer that is not understood ({cause})"
    return AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.UNEXPECTED_ANSWER, message), answered=False)


def _unknown(call: Call, answer: Answer) -> AzureProblem:
    if answer.code is None:
        reason, advice = Reason.UNEXPECTED_ANSWER, "the answer is not one of Microsoft's; check what stands between"
    else:
        reason, advice = Reason.AZURE_ERROR, quote(answer.text) or _NO_TEXT
    problem = Problem(ProblemKind.TRANSIENT, reason, _sentence(call, advice, answer), answer.retry_after)
    return AzureProblem(problem, request_id=answer.request_id, answered=answer.status < 500)


def _sign_in(call: Call, answer: Answer) -> AzureProblem:
    code = next((code for code in answer.aadsts if code in AADSTS), answer.aadsts[0])
    known = AADSTS.get(code)
    kind = known.kind if known else ProblemKind.TRANSIENT
    meaning = known.meaning if known else quote(answer.text) or _NO_TEXT
    message = f"Cannot {call.doing}: {meaning} (Entra: AADSTS{code})"
    return AzureProblem(Problem(kind, Reason.SIGN_IN_FAILED, message, answer.retry_after), request_id=answer.request_id)


def _sentence(call: Call, advice: str, answer: Answer) -> str:
    code = f" {answer.code}" if answer.code else ""
    return f"Cannot {call.doing}: {advice} ({SPOKEN[call.service]}: {answer.status}{code})"


def _missing_action(text: str) -> str:
    found = _ACTION.search(text)
    return found.group(1) if found else "a right"


def _linked(text: str) -> str:
    """Names of the identities of a host on which that right is missing."""
    found = _LINKED.search(text)
    names = [scope.rpartition("/")[2] for scope in found.group(1).split(",")] if found else []
    return clean(", ".join(names)) or "an identity of the host"
