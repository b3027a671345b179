"""The local stack: Temporal's dev server and PostgreSQL, from wheels, on loopback, without Docker and without root.

Two ways to have it:

- `async with EmbeddedStack() as stack:` for tests, demo and play: in memory and in a temporary folder, quick,
  gone at the end.
- `await keep_running(folder, prepare, report)` for `starter.py up`: kept in a folder, at the same addresses
  each time, and whatever dies is started again.

    folder.py      the state folder: one owner at a time, what is remembered, leftovers of an owner that was killed
    process.py     one child process, and what it takes to end it and nothing else
    identity.py    PostgreSQL refuses to run as root: whom it runs as instead
    postgres.py, temporal.py     the two servers
    stack.py       both together            supervise.py   both and more, kept running
"""

from embedded.folder import Addresses
from embedded.postgres import PostgresServer
from embedded.process import Program
from embedded.stack import EmbeddedStack, running_stack
from embedded.supervise import keep_running
from embedded.temporal import SEARCH_ATTRIBUTES, TemporalServer, temporal_binary

__all__ = [
    "SEARCH_ATTRIBUTES",
    "Addresses",
    "EmbeddedStack",
    "PostgresServer",
    "Program",
    "TemporalServer",
    "keep_running",
    "running_stack",
    "temporal_binary",
]
