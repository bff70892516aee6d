"""The language of flexible credentials: an expression over the claims of a token. Pure.

Source: https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from entrafed.api.formats import MAX_EXPRESSION

_TERM = r"claims\['(?P<claim>[A-Za-z0-9_]+)'\]\s+(?P<operator>eq|matches)\s+'(?P<value>[^'\\]*)'"
_NEXT = re.compile(rf"\s*{_TERM}(?:\s+and(?=\s)|\s*\Z)")
"""Microsoft writes single blanks; people may not. How a quote within a value is written is not documented clearly: such
a value is not read, and never written."""


class Operator(StrEnum):
    """How a claim is compared."""

    EQ = "eq"
    MATCHES = "matches"
    """`*` stands for any text, `/` and `:` included, and `?` for any one character."""


@dataclass(frozen=True, slots=True)
class Term:
    """What one claim must be."""

    claim: str
    operator: Operator
    value: str


def expression_of(terms: Iterable[Term]) -> str:
    """The expression that demands all of the terms, spelled the same in whatever order they come."""
    ordered = sorted(terms, key=lambda term: (term.claim != "sub", term.claim, term.operator, term.value))
    return " and ".join(f"claims['{term.claim}'] {term.operator} '{term.value}'" for term in ordered)


def terms_of(expression: str) -> tuple[Term, ...] | None:
    """The terms of an expression; None where it is not of the form that is documented."""
    terms, position = [], 0
    while position < len(expression):
        found = _NEXT.match(expression, position)
        if found is None:
            return None
        terms.append(Term(found["claim"], Operator(found["operator"]), found["value"]))
        position = found.end()
    return tuple(terms) or None


def canonical(expression: str) -> str | None:
    """An expression as Azure shows it, in our spelling where it means the same; None for one beyond our bound."""
    if len(expression) > MAX_EXPRESSION:
        return None
    terms = terms_of(expression)
    return expression if terms is None else expression_of(terms)
