"""`python -m tests.launcher`: reads the modules of our programs once, and forks one of them for each order.

An order comes in through standard input, which is a socket: what to run, where and how, with the descriptors of its
output, of its errors and of its keeper, who tells there its process id and then how it ended. `tests/programs.py`
orders.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

LARGEST_ORDER = 256 * 1024
READ = (
    *("worker", "web.app", "web.server", "uvicorn.main", "tests.chaos.journey", "tests.chaos.provider"),
    *("starter", "cli.events", "cli.customer", "cli.imports", "cli.enter", "cli.brake"),
)
"""What the programs import; none of them itself, which is read as `__main__`."""


def serve(orders: socket.socket) -> None:
    """Until nobody can order any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, LARGEST_ORDER, 3)
        if not order:
            return
        _forget_those_that_ended()
        if os.fork() == 0:
            orders.close()
            _keep(json.loads(order), descriptors)
        for each in descriptors:
            os.close(each)


def _forget_those_that_ended() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _keep(order: dict[str, Any], descriptors: Sequence[int]) -> NoReturn:
    output, errors, told = descriptors
    if (pid := os.fork()) == 0:
        os.close(told)
        _become(order, output, errors)
    for each in (output, errors):
        os.close(each)
    os.write(told, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: dict[str, Any], output: int, errors: int) -> NoReturn:
    """Be what was ordered, as if it had just been started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull) as nothing:
        for descriptor, place in ((nothing.fileno(), 0), (output, 1), (errors, 2)):
            os.dup2(descriptor, place)
    os.close(output)
    os.close(errors)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    code = _run(*order["arguments"])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _run(*arguments: str) -> int:
    try:
        if arguments[0] == "-m":
            sys.argv = list(arguments[1:])
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # whatever a program ends with, the interpreter would tell it so; the fork must not go on
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for module in READ:
        import_module(module)
    # What is read by now stays as it is: nobody looks through it for garbage, and all share it.
    gc.freeze()
    serve(socket.socket(fileno=os.dup(0)))
    os._exit(0)
