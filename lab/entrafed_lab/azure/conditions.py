"""Conditions of role assignments: `!(ActionMatches{'..'}) OR @Request[..] ForAnyOfAnyValues:GuidEquals {..}`.

Source: https://learn.microsoft.com/azure/role-based-access-control/conditions-format
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

Attributes = Mapping[str, str]
"""Values by attribute, such as "@Request[Microsoft.Authorization/roleAssignments:PrincipalId]", in lower case."""
Test = Callable[[str, Attributes], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<and>AND\b|&&)|(?P<or>OR\b|\|\|)|(?P<not>NOT\b|!)"
    r"|(?P<matches>(?:Sub)?(?:Operation|Action)Matches)\s*\{\s*'(?P<action>[^']*)'\s*\}"
    r"|(?P<attribute>@\w+\[[^\]]+\])\s+(?:(?P<each>ForAnyOfAnyValues|ForAnyOfAllValues):)?(?P<operator>\w+)\s+"
    r"(?P<values>\{[^}]*\}|'[^']*'|[0-9a-fA-F-]{36}))",
)

_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "GuidEquals": lambda actual, value: actual.lower() == value.lower(),
    "GuidNotEquals": lambda actual, value: actual.lower() != value.lower(),
    "StringEquals": lambda actual, value: actual == value,
    "StringNotEquals": lambda actual, value: actual != value,
    "StringEqualsIgnoreCase": lambda actual, value: actual.lower() == value.lower(),
    "StringNotEqualsIgnoreCase": lambda actual, value: actual.lower() != value.lower(),
    "StringStartsWith": lambda actual, value: actual.startswith(value),
    "StringLike": fnmatchcase,
}


class InvalidCondition(ValueError):
    """The condition cannot be read."""


def fulfils(condition: str, action: str, attributes: Attributes) -> bool:
    """Whether an action with these attributes is within a condition. Raises `InvalidCondition`."""
    return parse_condition(condition)(action, attributes)


def parse_condition(text: str) -> Test:
    """Raises `InvalidCondition`."""
    reader = _Reader(text.strip())
    test = reader.alternatives()
    if not reader.is_at_end:
        raise InvalidCondition(f"something is left over at {reader.position}")
    return test


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0

    @property
    def is_at_end(self) -> bool:
        return self.position == len(self._text)

    def alternatives(self) -> Test:
        tests = [self._terms()]
        while self._takes("or"):
            tests.append(self._terms())
        return lambda action, attributes: any(test(action, attributes) for test in tests)

    def _terms(self) -> Test:
        tests = [self._term()]
        while self._takes("and"):
            tests.append(self._term())
        return lambda action, attributes: all(test(action, attributes) for test in tests)

    def _term(self) -> Test:
        found = _TOKEN.match(self._text, self.position)
        if found is None:
            raise InvalidCondition(f"expected a comparison at {self.position}")
        self.position = found.end()
        if found["not"]:
            negated = self._term()
            return lambda action, attributes: not negated(action, attributes)
        if found["open"]:
            inner = self.alternatives()
            if not self._takes("close"):
                raise InvalidCondition(f"expected a closing parenthesis at {self.position}")
            return inner
        if found["matches"]:
            pattern = found["action"].lower()
            return lambda action, _: fnmatchcase(action.lower(), pattern)
        if found["attribute"] is None:
            raise InvalidCondition(f"expected a comparison at {found.start()}")
        return _comparison(found["attribute"].lower(), found["each"], found["operator"], found["values"])

    def _takes(self, kind: str) -> bool:
        found = _TOKEN.match(self._text, self.position)
        if found is None or not found[kind]:
            return False
        self.position = found.end()
        return True


def _comparison(attribute: str, each: str | None, operator: str, text: str) -> Test:
    compare = _COMPARISONS.get(operator)
    if compare is None:
        raise InvalidCondition(f"unknown operator {operator}")
    values = [value.strip().strip("'") for value in text.strip("{}").split(",")]
    over = all if each == "ForAnyOfAllValues" else any

    def test(_: str, attributes: Attributes) -> bool:
        actual = attributes.get(attribute)
        return actual is not None and over(compare(actual, value) for value in values)

    return test
