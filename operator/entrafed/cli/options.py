"""The flags of `entrafed run`, made from the settings: every field is a flag, described once."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings


def with_flags_of(model: type[BaseSettings], prefix: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command of keyword arguments one flag per field. What is not given arrives as None.

    Values arrive as text: the model, which reads the environment too, is the one place that judges them.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        flags = [_flag(name, field, prefix) for name, field in model.model_fields.items()]
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        signature = inspect.Signature([*own, *flags])

        def run(**values: Any) -> None:
            command(**values)

        run.__doc__ = command.__doc__
        run.__name__ = command.__name__
        run.__signature__ = signature  # type: ignore[attr-defined] # read by typer
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return run

    return decorate


def _flag(name: str, field: FieldInfo, prefix: str) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    shown = f"{prefix}{name.upper()}" + (
        f"; default {_spoken(field.default)}" if field.default not in (None, ()) else ""
    )
    words = f"{field.description} [{shown}]"
    kind: Any = bool if field.annotation is bool else str
    option = typer.Option(flag, help=words, show_default=False, metavar=None if kind is bool else "VALUE")
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _spoken(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
