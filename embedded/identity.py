"""PostgreSQL refuses to run as root. Whom it runs as is decided here.

An ordinary user runs it as they are. Root runs it in a user namespace, where it has no power and every file
keeps its owner; where the system forbids that (most containers), as the user `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from errors import StackError

_NOBODY = "nobody"


class Identity(ABC):
    """Whom a server runs as."""

    @abstractmethod
    def command(self, argv: Sequence[str], *, end_with_parent: str = "") -> list[str]:
        """The command that runs `argv` as this identity.

        `end_with_parent` names the signal (`INT`) that it gets, on Linux, when its parent dies in whatever way.
        """

    @abstractmethod
    def give(self, *paths: Path) -> None:
        """Make the paths the server's own. StackError if it could not reach them all the same."""


class Myself(Identity):
    """The user who runs this process."""

    def command(self, argv: Sequence[str], *, end_with_parent: str = "") -> list[str]:
        return [*_end_with_parent(end_with_parent), *argv]

    def give(self, *paths: Path) -> None:
        """Nothing to do: they are mine."""


class PowerlessRoot(Identity):
    """Root without power over anything but its own files, who reads as user 65534 to itself."""

    def command(self, argv: Sequence[str], *, end_with_parent: str = "") -> list[str]:
        # The signal is asked for last: a change of identity clears it.
        namespace = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
        return [*namespace, *_end_with_parent(end_with_parent), *argv]

    def give(self, *paths: Path) -> None:
        """Nothing to do: they stay root's."""

    @staticmethod
    def possible() -> bool:
        """Whether the system lets root make a user namespace."""
        if not shutil.which("unshare"):
            return False
        probe = PowerlessRoot().command(["true"])
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Nobody(Identity):
    """The user that every Unix has for this."""

    def command(self, argv: Sequence[str], *, end_with_parent: str = "") -> list[str]:
        entry = pwd.getpwnam(_NOBODY)
        option = ["--pdeathsig", end_with_parent] if end_with_parent else []
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs"]
        return [*drop, *option, *argv]

    def give(self, *paths: Path) -> None:
        entry = pwd.getpwnam(_NOBODY)
        for path in paths:
            refuse_unreachable(path)
            os.chown(path, entry.pw_uid, entry.pw_gid)


def server_identity() -> Identity:
    """Whom PostgreSQL can run as here; StackError if there is nobody."""
    if os.geteuid() != 0:
        return Myself()
    if sys.platform == "linux" and PowerlessRoot.possible():
        return PowerlessRoot()
    if sys.platform == "linux" and shutil.which("setpriv"):
        return Nobody()
    raise StackError("PostgreSQL does not run as root: start this as an ordinary user.")


def refuse_unreachable(path: Path) -> None:
    """StackError if a folder above `path` is closed to other users."""
    for folder in path.resolve().parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise StackError(
                f"PostgreSQL does not run as root, and the user {_NOBODY} cannot enter {folder}: start this as an "
                f"ordinary user, or keep the project and its state folder (SOJOURN_STATE) outside {folder}."
            )


def _end_with_parent(signal_name: str) -> list[str]:
    """The start of a command that ends with its parent; nothing where the system cannot do that."""
    if signal_name and sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", signal_name]
    return []
