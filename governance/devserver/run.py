"""`make run`: one process that starts the others in order, keeps them running, and stops them in order.

Database, broker, preparation, then web, worker and beat. A child that ends by itself is started again, a little later each
time. It runs in one thread, because the kernel's promise to end the children is bound to the thread that started them.
"""

import http.client
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, cast

from governance.devserver import broker, child_process, postgres, process_environment
from governance.devserver.child_process import Trouble
from governance.devserver.console import Console
from governance.devserver.home_folder import PROJECT, Home
from governance.devserver.orphan_guard import Guard
from governance.devserver.prepare import UNREACHABLE
from governance.devserver.process_environment import check_port, environment

LONGEST_PAUSE = 30.0
#: A child that lived this long starts with a short pause again.
SETTLED_AFTER = 60.0
#: A child that dies this often without settling will not get better by itself.
TRIES = 5


@dataclass
class Watched:
    """One child: how it starts and stops, and how it has fared.

    `start` returns the running process; `is_ready` tells whether it does its work; times are seconds.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    is_ready: Callable[[], bool] = lambda: True
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGTERM
    patience: float = 12
    process: subprocess.Popen[bytes] = field(init=False)
    output: IO[bytes] = field(init=False)
    started_at: float = 0
    again_at: float | None = None
    deaths: int = 0
    buffer: bytes = field(default=b"", repr=False)


class Stopped(Exception):
    """Somebody asked to stop."""


class Supervisor:
    """Starts, watches and stops the processes of one Countersign.

    Args:
        home: its folder, made and locked by the caller.
        host: the address to listen on.
        port: the web server's port.
        guard: told of every child.
        console: where their lines go.
    """

    def __init__(self, home: Home, host: str, port: int, guard: Guard, console: Console) -> None:
        self.home = home
        self.host = host
        self.port = port
        self.guard = guard
        self.console = console
        self.environment = environment(home, port)
        self.asked_to_stop = 0
        self.watched: list[Watched] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Start everything, watch it until somebody asks to stop, and stop everything.

        Raises:
            Trouble: when something that was foreseen keeps it from starting.
        """
        self._listen_for_signals()
        try:
            self._start_database()
            self._start_broker()
            self._prepare()
            self._start_services()
            self._welcome()
            while True:
                self._step(1.0)
                self._revive()
        except Stopped:
            self.console.say("Stopping …")
        finally:
            self._stop_all()
        self.console.say("Stopped. Nothing is left running; the data stays in " + str(self.home.root))

    # Starting

    def _start_database(self) -> None:
        if self.environment.get("DATABASE_URL"):
            return
        cluster = postgres.Cluster(self.home.postgres, self.home.sockets)
        if not self.home.postgres.exists():
            self.console.say(f"Making an empty database in {self.home.postgres} …")
        database = Watched("database", cluster.start, cluster.is_ready, signal.SIGINT, signal.SIGQUIT, patience=60)
        self._begin(database)
        self._await(database, 60)
        self.environment["DATABASE_URL"] = cluster.url

    def _start_broker(self) -> None:
        if self.environment.get("REDIS_URL"):
            return
        program = broker.find()
        if program is None:
            self.console.say("No Redis here: nudges travel as files, and a killed worker's come a minute late.")
            return
        redis = broker.Broker(program, self.home.sockets)
        watched = Watched("broker", redis.start, redis.is_ready, patience=5)
        self._begin(watched)
        self._await(watched, 20)
        self.environment["REDIS_URL"] = redis.url

    def _prepare(self) -> None:
        """Migrate and load the demo; a failure ends the start with what it said."""
        command = [sys.executable, "-m", "governance.devserver.prepare", str(self.home.welcome)]
        prepare = Watched("prepare", self._spawner(command))
        self._begin(prepare)
        while prepare.process.poll() is None:
            self._step(0.2)
        self._forget(prepare)
        status = prepare.process.returncode
        if status == UNREACHABLE:
            raise Trouble("")  # it has said what there is to say
        if status != 0:
            raise Trouble(f"Preparing ended with {_how(status)}; what it said stands above.")

    def _start_services(self) -> None:
        web = Watched("web", self._spawner(process_environment.web(self.host, self.port)), self._answers)
        worker = Watched("worker", self._spawner(process_environment.worker()))
        beat = Watched("beat", self._spawner(process_environment.beat()), patience=5)
        for each in (web, worker, beat):
            self._begin(each)
        self._await(web, 60)

    def _spawner(self, command: list[str]) -> Callable[[], subprocess.Popen[bytes]]:
        return lambda: child_process.spawn(command, environment=self.environment, folder=PROJECT)

    def _begin(self, child: Watched) -> None:
        """Start a child and listen to it."""
        child.process = child.start()
        child.output = cast("IO[bytes]", child.process.stdout)  # every start asks for a pipe
        child.started_at = time.monotonic()
        child.again_at = None
        self.guard.add(child.process.pid, child.death_signal)
        if child not in self.watched:
            self.watched.append(child)
        os.set_blocking(child.output.fileno(), False)
        self._selector.register(child.output, selectors.EVENT_READ, child)

    def _await(self, child: Watched, seconds: float) -> None:
        """Wait until a child does its work."""
        limit = time.monotonic() + seconds
        while not child.is_ready():
            self._step(0.05)
            if child.process.poll() is not None:
                self._drain(child)
                self.console.show_tail(child.name)
                raise Trouble(f"The {child.name} ended while it was starting; what it said stands above.")
            if time.monotonic() > limit:
                self.console.show_tail(child.name)
                raise Trouble(f"The {child.name} was not ready after {seconds:g} seconds; what it said stands above.")

    def _answers(self) -> bool:
        """Whether the web server answers a request (and not merely holds the port)."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  compared, not bound
        connection = http.client.HTTPConnection(host, self.port, timeout=2)
        try:
            connection.request("GET", "/", headers={"Host": "localhost"})
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _welcome(self) -> None:
        """Say where it is and what to try."""
        self.console.say(f"\nCountersign is ready: {self.environment['BASE_URL']}\n")
        hints = self.home.welcome.read_text() if self.home.welcome.exists() else ""
        if hints.strip():
            self.console.say(hints.rstrip() + "\n")
        self.console.say("Ctrl-C stops it and keeps the data.\n")

    # Watching

    def _listen_for_signals(self) -> None:
        """Turn signals into something the loop wakes up for."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._selector.register(reading, selectors.EVENT_READ, None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop += 1

    def _step(self, seconds: float, *, stopping: bool = False) -> None:
        """Pass on what children say, for at most `seconds` or until something happens.

        Raises:
            Stopped: when somebody asked to stop, unless `stopping` already.
        """
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                os.read(key.fd, 512)
            else:
                self._read(key.data)
        if self.asked_to_stop and not stopping:
            raise Stopped

    def _read(self, child: Watched) -> bool:
        """Pass on the whole lines that a child has said; returns whether it said anything."""
        try:
            output = os.read(child.output.fileno(), 65536)
        except BlockingIOError:
            return False
        if not output and child.output in self._selector.get_map():
            self._selector.unregister(child.output)
        *lines, child.buffer = (child.buffer + output).split(b"\n")
        if not output and child.buffer:  # it ended in the middle of a line
            lines, child.buffer = [child.buffer], b""
        for line in lines:
            self.console.child(child.name, line.decode(errors="replace").rstrip("\r"))
        return bool(output)

    def _drain(self, child: Watched) -> None:
        """Pass on all that an ended child has left in its pipe."""
        while self._read(child):
            pass

    def _forget(self, child: Watched) -> None:
        """Clear up after a child that has ended: its pipe, its group, its place on the guard's list."""
        self._drain(child)
        child_process.signal_group(child.process, signal.SIGKILL)
        child.process.wait()
        self.guard.remove(child.process.pid)
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)
        child.output.close()
        if child.name == "prepare":
            self.watched.remove(child)

    def _revive(self) -> None:
        """Start again, after a pause, what has ended by itself.

        Raises:
            Trouble: when a child keeps dying.
        """
        now = time.monotonic()
        for child in self.watched:
            if child.again_at is not None:
                if now >= child.again_at:
                    self._begin(child)
                continue
            status = child.process.poll()
            if status is None:
                if now - child.started_at > SETTLED_AFTER:
                    child.deaths = 0
                continue
            self._forget(child)
            self.console.show_tail(child.name)
            child.deaths += 1
            if child.deaths >= TRIES:
                raise Trouble(f"The {child.name} ended {TRIES} times in a row; what it said stands above.")
            pause = min(2.0 ** (child.deaths - 1), LONGEST_PAUSE)
            child.again_at = now + pause
            self.console.say(f"The {child.name} ended ({_how(status)}). It starts again in {pause:g} s.")

    # Stopping

    def _stop_all(self) -> None:
        """Stop in order: who gives work, who does it, what carries it, what keeps it. A second Ctrl-C hurries the first two."""
        for names in (("prepare", "beat"), ("worker", "web"), ("broker",), ("database",)):
            group = [each for each in self.watched if each.name in names and each.process.returncode is None]
            for child in group:
                if child.process.poll() is None:
                    child.process.send_signal(child.stop_signal)
            for child in group:
                self._wait_for_end(child)

    def _wait_for_end(self, child: Watched) -> None:
        """Wait until a child that was asked to stop has ended; end it when its patience is over."""
        limit = time.monotonic() + child.patience
        signal_number = self.asked_to_stop
        while child.process.poll() is None:
            hurried = self.asked_to_stop > signal_number + 1 and child.name != "database"
            if hurried or time.monotonic() > limit:
                self.console.say(f"The {child.name} did not stop in time and was ended.")
                child_process.signal_group(child.process, signal.SIGKILL)
                child.process.wait()
                break
            self._step(0.1, stopping=True)
        self._forget(child)


def _how(status: int) -> str:
    """In which way a process ended."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def run(home: Home, host: str, port: int) -> None:
    """Run Countersign until somebody asks to stop.

    Raises:
        Trouble: with the words for what kept it from starting or going on.
    """
    guard = Guard()  # before anything is open that it would inherit
    try:
        home.make()
        with home.lock("runs", f"http://localhost:{port}"):
            check_port(host, port)
            Supervisor(home, host, port, guard, Console()).run()
    finally:
        guard.dismiss()
