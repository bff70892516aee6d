"""Logs are one JSON object per line, ours and the libraries' alike."""

import io
import json
import logging
from collections.abc import Iterator

import kopf
import pytest
import structlog

from entrafed.runtime.logs import configure_logs
from entrafed.runtime.settings import LogFormat, LogLevel


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(LogLevel.INFO, LogFormat.JSON, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_has_level_time_logger_and_what_was_said(written: io.StringIO) -> None:
    structlog.get_logger("entrafed.engine").info("settled", namespace="payments", name="web", reason="Synced")

    line = json.loads(written.getvalue())
    assert {key: line[key] for key in ("event", "level", "logger", "namespace", "name", "reason")} == {
        "event": "settled",
        "level": "info",
        "logger": "entrafed.engine",
        "namespace": "payments",
        "name": "web",
        "reason": "Synced",
    }
    assert line["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_written(written: io.StringIO) -> None:
    structlog.get_logger("entrafed.engine").debug("thinking")

    assert written.getvalue() == ""


def test_libraries_are_heard_from_warning_on(written: io.StringIO) -> None:
    logging.getLogger("kopf.objects").info("handled")
    logging.getLogger("kopf.objects").warning("failed")

    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["failed"]


def test_kopfs_lines_name_their_object(written: io.StringIO) -> None:
    reference = {"namespace": "payments", "name": "web", "uid": "u-1"}
    logging.getLogger("kopf.objects").warning(
        "failed", extra={"k8s_ref": reference, "settings": kopf.OperatorSettings()}
    )

    line = json.loads(written.getvalue())
    assert {key: line[key] for key in reference} == reference
    assert "settings" not in line
