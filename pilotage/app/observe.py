"""Structured logs as JSON lines on standard error, and traces where the environment asks for them.

Nothing that is logged names a customer: events of the log carry counts, names of journeys and channels, and ids that are
hashes. Traces need an OpenTelemetry SDK and its usual variables (`OTEL_TRACES_EXPORTER`, `OTEL_EXPORTER_OTLP_ENDPOINT`, …).
"""

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


_MARKS: dict[str, str] = {}
"""What every line of this process's log says of itself."""


def mark_logs(**marks: str) -> None:
    """Have every line of the log from now on carry marks, such as that this is a sandbox; an empty one is taken off."""
    for name, mark in marks.items():
        _MARKS.pop(name, None)
        if mark:
            _MARKS[name] = mark


def _marked(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.update(_MARKS)
    return event


def set_up_logs(level: str = "info") -> None:
    """Have everything of this level and above written as one JSON object a line, with its time in UTC."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _marked,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what a stranger sends that is no HTTP is no fault of ours
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "%(message)s"}'
    )


def _to_stderr(*_: object) -> structlog.WriteLogger:
    """Where logs go now: the process's standard error may be replaced after the set-up."""
    return structlog.WriteLogger(file=sys.stderr)


def set_up_traces() -> bool:
    """Send traces where the environment says, if it says so and an SDK is installed; whether they are sent."""
    if not any(name.startswith("OTEL_") for name in os.environ) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    names = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")
    try:
        if any(importlib.util.find_spec(name) is None for name in names):
            raise ModuleNotFoundError(names[0])
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        batching: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        exporting: Any = importlib.import_module(names[1])
        tracing: Any = importlib.import_module("opentelemetry.trace")
    except ModuleNotFoundError:
        structlog.get_logger("pilotage").warning("no traces are sent", cure="install pilotage[otel]")
        return False
    provider = sdk.TracerProvider()
    provider.add_span_processor(batching.BatchSpanProcessor(exporting.OTLPSpanExporter()))
    tracing.set_tracer_provider(provider)
    return True
