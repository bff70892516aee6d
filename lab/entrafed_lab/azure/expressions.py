"""Flexible federated identity credentials: `claims['sub'] matches 'repo:contoso/*' and claims['x'] eq 'y'`.

Source: https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TERM = re.compile(r"\s*claims\['([A-Za-z0-9_]+)'\]\s+(eq|matches)\s+'((?:[^'\\]|\\.|'')*)'\s*")
_AND = re.compile(r"and\b")


class InvalidExpression(ValueError):
    """The expression cannot be read."""


@dataclass(frozen=True, slots=True)
class Term:
    claim: str
    operator: str
    value: str

    def holds(self, claims: Mapping[str, object]) -> bool:
        actual = claims.get(self.claim)
        if actual is None:
            return False
        if self.operator == "eq":
            return str(actual) == self.value
        pattern = re.escape(self.value).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, str(actual), re.DOTALL) is not None


def parse_expression(text: str) -> tuple[Term, ...]:
    """All terms; every one of them must hold. Raises `InvalidExpression`."""
    terms = []
    position = 0
    while True:
        found = _TERM.match(text, position)
        if found is None:
            raise InvalidExpression(f"expected a term at {position}")
        terms.append(Term(found[1], found[2], found[3].replace("''", "'").replace("\\'", "'")))
        position = found.end()
        if position == len(text):
            return tuple(terms)
        if (joint := _AND.match(text, position)) is None:
            raise InvalidExpression(f"expected 'and' at {position}")
        position = joint.end()


def matches(text: str, claims: Mapping[str, object]) -> bool:
    """Whether a token with these claims satisfies the expression."""
    try:
        return all(term.holds(claims) for term in parse_expression(text))
    except InvalidExpression:
        return False
