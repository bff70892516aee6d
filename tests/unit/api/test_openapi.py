"""From models to structural schemas."""

from typing import Annotated

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from entrafed.api.openapi import structural
from entrafed.api.schema import VALIDATIONS, Must, camel_case, like


@dataclass(frozen=True, config=camel_case(Must("self.x > 0", "must be more")))
class Inner:
    """An inner one."""

    x: int
    """How many."""


@dataclass(frozen=True, config=camel_case())
class Outer:
    """An outer one."""

    an_inner: Annotated[Inner, Must("self == oldSelf", "may not be changed")] | None = None
    """As described here,
    and not there.

    In paragraphs."""
    names: tuple[str, ...] = ()
    word: Annotated[str, Field(max_length=5), like("[a-z]+", "must be a word")] = "one"


@dataclass(frozen=True, config=camel_case())
class Union:
    either: int | str


def test_a_field_is_described_and_ruled_where_it_stands_and_by_what_it_is() -> None:
    inner = structural(Outer)["properties"]["anInner"]
    assert inner["description"] == "As described here, and not there.\n\nIn paragraphs."
    assert [rule["message"] for rule in inner[VALIDATIONS]] == ["must be more", "may not be changed"]
    assert inner["properties"]["x"] == {"type": "integer", "format": "int64", "description": "How many."}
    assert inner["required"] == ["x"]


def test_absent_and_empty_are_no_defaults_that_objects_would_be_filled_with() -> None:
    properties = structural(Outer)["properties"]
    assert "default" not in properties["anInner"]
    assert "default" not in properties["names"]
    assert properties["word"]["default"] == "one"


def test_a_form_becomes_a_rule_with_its_message() -> None:
    word = structural(Outer)["properties"]["word"]
    assert word["maxLength"] == 5
    assert word[VALIDATIONS] == [{"rule": "self.matches(r'^(?:[a-z]+)$')", "message": "must be a word"}]


def test_what_a_structural_schema_cannot_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="anyOf"):
        structural(Union)
