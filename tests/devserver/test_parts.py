"""The parts of the devserver by themselves: the private database, the private folder, the guard, the words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from governance.devserver import broker, child_process, postgres
from governance.devserver.__main__ import manage
from governance.devserver.child_process import Trouble, from_output
from governance.devserver.home_folder import LONGEST_NAME, LONGEST_SOCKET, Home
from governance.devserver.orphan_guard import Guard
from governance.devserver.process_environment import check_port
from tests.environment import ROOT, ThrowawayCluster, free_port, of_major
from tests.processes import until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture
def sockets(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def started(tmp_path: Path, sockets: Path) -> Iterator[list[postgres.Cluster]]:
    """Clusters to be stopped at the end of the test."""
    clusters: list[postgres.Cluster] = []
    yield clusters
    for cluster in clusters:
        cluster.stop()


def _answers(cluster: postgres.Cluster) -> bool:
    with psycopg.connect(cluster.url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.process
@AS_ROOT
@pytest.mark.parametrize("way", [postgres.in_user_namespace, postgres.by_changing_user])
def test_root_runs_database_as_other_user(way, tmp_path, sockets, started, monkeypatch) -> None:
    try:
        account = postgres.account([way])
    except Trouble:
        pytest.skip(f"this machine forbids {way.__name__}")
    monkeypatch.setattr(postgres, "account", lambda: account)
    cluster = ThrowawayCluster(tmp_path / "data", sockets)
    started.append(cluster)
    with (tmp_path / "log").open("wb") as log:
        cluster.start(log)
    until(cluster.is_ready, "the database")
    assert _answers(cluster)


@pytest.mark.process
def test_a_pid_file_that_a_kill_left_behind_does_not_keep_the_database_from_starting(
    tmp_path, sockets, started
) -> None:
    cluster = ThrowawayCluster(tmp_path / "data", sockets)
    started.append(cluster)
    with (tmp_path / "log").open("wb") as log:
        process = cluster.start(log)
        until(cluster.is_ready, "the database")
        pid_file = (cluster.data / "postmaster.pid").read_text()
        process.kill()
        process.wait()
        # The number belongs to somebody else by now, as in a container that was restarted.
        (cluster.data / "postmaster.pid").write_text(pid_file.replace(str(process.pid), str(os.getpid()), 1))
        cluster.start(log)
        until(cluster.is_ready, "the database, again")
    assert _answers(cluster)


def test_data_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(Trouble, match="written by PostgreSQL 9"):
        postgres.find(tmp_path)


def test_a_version_of_postgresql_is_chosen_by_number_or_as_the_lowest() -> None:
    majors = sorted(each.major for each in postgres.installations())
    assert of_major("lowest").major == majors[0]
    assert of_major(str(majors[-1])).major == majors[-1]
    with pytest.raises(Trouble, match=r"^No PostgreSQL 9 is on this machine, only \d+"):
        of_major("9")


def test_the_documents_ask_for_the_lowest_version_that_is_tested(root: Path) -> None:
    texts = {
        path: (root / path).read_text()
        for path in ("README.md", "docs/operations.md", "docs/decisions/0002-postgresql-only.md")
    }
    versions = {path: re.findall(r"(?:PostgreSQL|version) (\d+) or newer", text) for path, text in texts.items()}
    assert versions == {path: [str(postgres.OLDEST_MAJOR)] for path in texts}


def test_unusable_wheel_without_postgresql_is_explained(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "postgres").write_text("#!/bin/sh\necho 'cannot execute: required file not found' >&2\nexit 127\n")
    (broken / "postgres").chmod(0o755)
    monkeypatch.setattr(postgres, "_folders", lambda: iter([broken]))
    postgres.installations.cache_clear()
    try:
        with pytest.raises(Trouble, match="the embedded one does not fit"):
            postgres.find(tmp_path)
    finally:
        postgres.installations.cache_clear()


def test_unexpected_failure_is_quoted() -> None:
    assert "Could not set up PostgreSQL. It said:\n  initdb: bad weather" in str(
        from_output("set up PostgreSQL", "initdb: bad weather\n")
    )


def test_a_long_path_gets_its_sockets_under_the_temporary_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    home = Home(tmp_path / ("a" * 60) / ("b" * 60))
    home.make()
    assert not home.sockets.is_relative_to(home.root)
    assert len(str(home.sockets / LONGEST_NAME)) <= LONGEST_SOCKET
    assert home.sockets.stat().st_mode & 0o777 == 0o700
    assert Home(home.root).sockets == home.sockets
    home.sockets.rmdir()


def test_the_home_and_its_secret_are_private_and_stay(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    secret = home.secret_key()
    assert len(secret) >= 50
    assert home.secret_key() == secret
    assert home.root.stat().st_mode & 0o777 == 0o700
    assert (home.root / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_home_is_held_by_one_process_and_freed_by_its_death(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    holds = "import sys, signal\nfrom pathlib import Path\nfrom governance.devserver.home_folder import Home\n"
    holds += "with Home(Path(sys.argv[1])).lock('runs', 'http://localhost:1'):\n    print('held', flush=True)\n    signal.pause()"
    command = [sys.executable, "-c", holds, str(home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert home.is_held()
        with (
            pytest.raises(Trouble, match=rf"already runs at http://localhost:1 \(process {holder.pid}\)"),
            home.lock("runs"),
        ):
            pass
        holder.kill()
    assert not home.is_held()
    with home.lock("runs"):
        pass


def test_a_port_in_use_or_out_of_range_is_refused_in_words() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Trouble, match="is taken by another program"):
            check_port("127.0.0.1", other.getsockname()[1])
    for port in (-1, 0, 70000):
        with pytest.raises(Trouble, match="is no port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", free_port())


def test_a_file_where_the_private_folder_should_be_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("a letter")
    for root in (file, file / "below"):
        with pytest.raises(Trouble, match=r"file.*Set COUNTERSIGN_HOME to a folder"):
            Home(root).make()
    assert file.read_text() == "a letter"


@pytest.mark.parametrize("command", [["load_demo", "--reset"]])
def test_tables_in_use_are_not_dropped(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    home = Home(tmp_path / "home")
    home.make()
    with home.lock("runs"), pytest.raises(Trouble, match="Stop it first"):
        manage(home, command)


@pytest.mark.process
def test_the_guard_ends_a_grandchild_that_ignores_every_polite_word(tmp_path: Path) -> None:
    """The child leaves a deaf process behind; the child's parent is killed."""
    deaf = "import signal, os\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += f"open({str(tmp_path / 'deaf')!r}, 'w').write(str(os.getpid()))\nwhile True: signal.pause()"
    child = f"import subprocess, sys, signal\nsubprocess.Popen([sys.executable, '-c', {deaf!r}])\nsignal.pause()"
    parent = "import sys, signal\nfrom governance.devserver import child_process\nfrom governance.devserver.orphan_guard import Guard\n"
    parent += f"guard = Guard()\nchild = child_process.spawn([sys.executable, '-c', {child!r}])\nguard.add(child.pid, 15)\nsignal.pause()"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT) as process:
        until(lambda: (tmp_path / "deaf").exists() and (tmp_path / "deaf").read_text(), "the deaf grandchild")
        grandchild = int((tmp_path / "deaf").read_text())
        process.kill()
    until(lambda: not _runs(grandchild), "the grandchild's end", seconds=10)


def _runs(number: int) -> bool:
    """Whether a process runs and is no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_dismissed_guard_leaves_nothing() -> None:
    guard = Guard()
    child = child_process.spawn(["sleep", "600"])
    guard.add(child.pid, signal.SIGTERM)
    guard.dismiss()
    until(lambda: child.poll() is not None, "the child's end")
    assert child.stdout is not None
    child.stdout.close()
    assert not _runs(guard.process)


@pytest.mark.process
def test_the_private_broker_answers_on_its_socket_alone(sockets: Path, tmp_path: Path) -> None:
    program = broker.find()
    if program is None:
        pytest.skip("no Redis on this machine")
    redis = broker.Broker(program, sockets)
    with (tmp_path / "log").open("wb") as log:
        redis.start(log)
    until(redis.is_ready, "Redis")
    assert redis.socket.stat().st_mode & 0o777 == 0o700
    redis.stop()
    assert not redis.is_ready()
