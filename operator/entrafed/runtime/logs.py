"""Logs: one JSON object per line on stderr, ours and those of the libraries alike."""

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from entrafed.runtime.redaction import redact_event
from entrafed.runtime.settings import LogFormat, LogLevel

OURS = "entrafed"
SILENT_BELOW_ERROR = ("kopf._core.reactor.running", "azure.identity")
"""Kopf warns at every start that it was given no signals to handle, which is how it is meant to run here.
azure-identity warns of every sign-in that failed: we report that ourselves, and it may quote Entra's answer."""


def configure_logs(level: LogLevel, form: LogFormat, stream: TextIO | None = None) -> None:
    """Route everything through one formatter, to stderr unless a stream is given.

    Libraries are heard from WARNING on: below, they tell of every request and every watch event.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _name_the_object],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact_event,
                _renderer(form),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger(OURS).setLevel(level.value.upper())
    for name in SILENT_BELOW_ERROR:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _renderer(form: LogFormat) -> Processor:
    if form is LogFormat.CONSOLE:
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and "NO_COLOR" not in os.environ)
    return structlog.processors.JSONRenderer(sort_keys=False)


def _name_the_object(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Kopf's records carry the object they speak of."""
    reference = getattr(event.get("_record"), "k8s_ref", None)
    if isinstance(reference, dict):
        event.update({key: reference[key] for key in ("namespace", "name", "uid") if reference.get(key)})
    return event
