"""Logging, set up once: JSON lines on standard error, those of the libraries included."""

import logging
import sys

import structlog


def set_up_logs(level: int = logging.INFO) -> None:
    """Route structlog and the standard library through one formatter."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    quieten_libraries()


def quieten_libraries() -> None:
    """Let them say what nobody else says."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Its tracebacks say no more than that the database is away; whoever needs it says that too.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
