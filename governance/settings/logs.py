"""What a process writes about itself: one line an event on standard output, names and numbers, never what a row holds.

JSON in production, plain words elsewhere. A traceback comes without the values of local variables, since those may hold what
no log may hold (I7). Requests are not logged here: the web server's access log does that where it is wanted.
"""

from typing import Any

import structlog


def configure(level: int, *, json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's ``LOGGING``, so that both kinds of logger write the same lines.

    Args:
        level: the least level that is written (``logging.INFO``).
        json: JSON lines rather than words.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    words = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    rendering = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)] if json else [words]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
            }
        },
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "lines"}},
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},  # a refusal of 4xx is an answer, and the ledger's business
        },
    }
