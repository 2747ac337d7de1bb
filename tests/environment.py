"""The real parts that tests run on: a PostgreSQL, a Redis, a folder for keys. Made for one run and thrown away after it.

`prepare` only fixes where everything will be and tells the environment, so that Django's settings can load; the servers
start when the first test needs them. Pure tests (importers, risk) never do.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from governance.devserver import broker, child_process, postgres
from governance.devserver.child_process import Trouble

ROOT = Path(__file__).resolve().parents[1]
#: A database beside the one of the tests, as migrating leaves it; to copy.
MIGRATED = "migrated"
#: A database whose files are in memory is made anew in a tenth of the time. It takes 100 MB, and what tests write.
MEMORY, ROOM_IN_MEMORY = Path("/dev/shm"), 4 * 2**30


class ThrowawayCluster(postgres.Cluster):
    """A crash of the machine may lose everything, since everything is thrown away."""

    settings = (*postgres.SERVER, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
    set_up_flags = ("--no-sync",)

    def __init__(self, data: Path, sockets: Path, chosen: postgres.Installation | None = None) -> None:
        super().__init__(data, sockets)
        self.chosen = chosen

    @property
    def installation(self) -> postgres.Installation:
        """The chosen programs, or those that fit the data."""
        return self.chosen or super().installation


def of_major(wanted: str) -> postgres.Installation:
    """An installation by its major version (``15``), or the one of the lowest version (``lowest``).

    Raises:
        Trouble: when there is none.
    """
    by_version = sorted(postgres.installations(), key=lambda each: each.major)
    fitting = [each for each in by_version if wanted in ("lowest", str(each.major))]
    if not fitting:
        raise Trouble(
            f"No PostgreSQL {wanted} is on this machine, only {', '.join(str(each.major) for each in by_version)}."
        )
    return fitting[0]


def required(part: str) -> bool:
    """Whether this run may not go without `part`: ``REQUIRE=postgres,redis,browser,nginx,samples,provider`` in CI turns a skip into a failure."""
    return part in os.environ.get("REQUIRE", "").replace(" ", "").split(",")


def place() -> Path | None:
    """Where a run's folder goes: in memory if there is room, else wherever temporary files go."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_IN_MEMORY
    return MEMORY if has_room else None


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Environment:
    """One run's folder and servers. The database is migrated by the fixture that starts it."""

    folder: Path
    cluster: postgres.Cluster
    redis: broker.Broker | None
    redis_url: str
    site_port: int
    before: dict[str, str]

    def hand_back(self) -> None:
        """Leave the process's variables as they were found, for children that prepare a run of their own."""
        os.environ.clear()
        os.environ.update(self.before)

    @property
    def site_url(self) -> str:
        """Where the web server of browser tests answers; the ``BASE_URL`` of links in mail."""
        return f"http://localhost:{self.site_port}"

    def superuser_url(self) -> str:
        """The database as PostgreSQL's superuser, for tests of acts that even an owner of the tables may not do."""
        return self.cluster.url.replace(f"user={postgres.ROLE}", "user=postgres")

    def start(self) -> None:
        """Start PostgreSQL, and Redis where there is one; what runs already is left alone."""
        if self.cluster.process is None:
            self._await(self.cluster, self.folder / "postgres.log")
        if self.redis is not None and self.redis.process is None:
            self._await(self.redis, self.folder / "redis.log")

    def renew(self) -> None:
        """Put the tests' database back to its state after migrating; all connections are closed."""
        with psycopg.connect(self.superuser_url(), dbname="template1", autocommit=True) as opened:
            opened.execute(f"DROP DATABASE {postgres.DATABASE} WITH (FORCE)")
            opened.execute(
                f"CREATE DATABASE {postgres.DATABASE} OWNER {postgres.ROLE} TEMPLATE {MIGRATED} STRATEGY FILE_COPY"
            )

    def _await(self, server: postgres.Cluster | broker.Broker, log_file: Path) -> None:
        """Start one server and wait until it answers."""
        with log_file.open("wb") as log:
            server.start(log)
        if not child_process.wait_until(server.is_ready, seconds=30):
            raise RuntimeError(f"{log_file.stem} did not start:\n{log_file.read_text()}")

    def stop(self) -> None:
        """Stop the servers and remove the folder."""
        if self.redis is not None:
            self.redis.stop()
        self.cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def prepare() -> Environment:
    """Choose folders, sockets and ports, and write them where the settings read them."""
    before = dict(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="countersign-test-", dir=place()))
    sockets = folder / "sockets"
    sockets.mkdir(mode=0o700)
    given = os.environ.get("REDIS_URL", "")
    program = None if given else broker.find()
    redis = broker.Broker(program, sockets) if program else None
    wanted = os.environ.get("POSTGRES", "")  # a major version, or "lowest": `.ci/run` runs some tests on that too
    made = Environment(
        folder=folder,
        cluster=ThrowawayCluster(
            folder / "postgres",
            sockets,
            of_major(wanted) if wanted else None,
        ),
        redis=redis,
        redis_url=given or (redis.url if redis else ""),
        site_port=free_port(),
        before=before,
    )
    for name in (
        "SECRET_KEY",
        "LEDGER_KEY_FILE",
        "DIGEST_KEY_FILE",
        "LEDGER_CHECKPOINT_FILE",
        "EMAIL_URL",
        "EMAIL_FROM",
        "PYTHONDONTWRITEBYTECODE",  # each process that tests start would compile all modules anew
    ):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="governance.settings.test",
        COUNTERSIGN_HOME=str(folder / "home"),
        COUNTERSIGN_DEMO="1",
        DATABASE_URL=made.cluster.url,
        DATABASE_POOL_MAX="0",  # threads of race tests come and go; a pool would outlive them
        REDIS_URL=made.redis_url,
        BASE_URL=made.site_url,
        ORGANISATION="Northwind Foods",
        LOG_LEVEL="WARNING",
    )
    return made
