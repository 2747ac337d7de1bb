"""The environment, typed: the only module that reads it, and it reports every error at once.

Settings modules take values from here; nothing else in the project looks at `os.environ`.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from environs import Env, EnvValidationError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from governance.core.mail import mail_server
from governance.settings.connections import Connection

ROOT = Path(__file__).resolve().parents[2]
Network = IPv4Network | IPv6Network

#: From this use on a connection keeps a statement prepared: psycopg's own number.
PREPARE_AFTER = 5
#: Seconds to wait for a connection.
CONNECTS_WITHIN = 3
#: What production must say for itself; elsewhere there is a default, or the supervisor says it.
PRODUCTION_SAYS = {
    "SECRET_KEY": "50 or more random characters, kept out of version control",
    "DATABASE_URL": "a PostgreSQL of version 15 or newer: postgresql://user:password@host/name",
    "REDIS_URL": "the broker that wakes workers: redis://host:6379/0",
    "ALLOWED_HOSTS": "the host names that it answers for, with commas between",
    "BASE_URL": "where people reach it, for links in mail: https://…",
    "TRUSTED_PROXIES": "the proxies in front, 10.0.3.0/24,fd00:3::/64, or none where people reach it directly",
}


@dataclass(frozen=True)
class Environment:
    """What the operator may set. Paths are absolute."""

    home: Path
    secret_key: str
    database_url: str
    redis_url: str
    allowed_hosts: list[str]
    trusted_proxies: tuple[Network, ...]
    base_url: str
    organisation: str
    time_zone: str
    holidays: frozenset[date]
    mail_digest_at: time
    ledger_key_file: Path
    digest_key_file: Path
    checkpoint_file: Path
    email_url: str
    email_from: str
    email_password_in_clear: bool
    demo: bool
    pool_max: int
    log_level: str


def read(*, production: bool) -> Environment:
    """Read every variable.

    Args:
        production: whether a variable that production must set is an error when it is missing.

    Raises:
        SystemExit: with one line for each variable that is missing or malformed.
    """
    env = Env(eager=False)
    not_days: list[str] = []
    not_networks: list[str] = []
    proxies = env.str("TRUSTED_PROXIES", "" if production else "none")
    home = env.path("COUNTERSIGN_HOME", ROOT / ".countersign")
    environment = Environment(
        home=home,
        secret_key=env.str("SECRET_KEY", "" if production else "development-only-not-a-secret"),
        database_url=env.str("DATABASE_URL", ""),
        redis_url=env.str("REDIS_URL", ""),
        allowed_hosts=env.list("ALLOWED_HOSTS", [] if production else ["localhost", "127.0.0.1", "[::1]"]),
        trusted_proxies=networks(proxies, not_networks),
        base_url=env.str("BASE_URL", "" if production else "http://localhost:8000").rstrip("/"),
        organisation=env.str("ORGANISATION", "Your organisation"),
        time_zone=env.str("ORGANISATION_TIME_ZONE", "Europe/Berlin"),
        holidays=holidays(env.str("ORGANISATION_HOLIDAYS", ""), not_days),
        mail_digest_at=env.time("MAIL_DIGEST_AT", time(7, 30)),
        ledger_key_file=env.path("LEDGER_KEY_FILE", home / "keys" / "ledger.pem"),
        digest_key_file=env.path("DIGEST_KEY_FILE", home / "keys" / "digest.key"),
        checkpoint_file=env.path("LEDGER_CHECKPOINT_FILE", home / "ledger-checkpoint.json"),
        email_url=env.str("EMAIL_URL", ""),
        email_from=env.str("EMAIL_FROM", "Countersign <countersign@localhost>"),
        email_password_in_clear=env.bool("EMAIL_PASSWORD_IN_CLEAR", False),
        demo=env.bool("COUNTERSIGN_DEMO", False),
        pool_max=env.int("DATABASE_POOL_MAX", 8),
        log_level=env.str("LOG_LEVEL", "INFO").upper(),
    )
    problems: dict[str, str] = {}
    try:
        env.seal()
    except EnvValidationError as error:
        if isinstance(error.error_messages, Mapping):
            problems = {name: "; ".join(messages) for name, messages in error.error_messages.items()}
    if not_days:
        problems["ORGANISATION_HOLIDAYS"] = f"{'; '.join(not_days)}; 2026-12-25,2027-01-01 or a file with one a line"
    if not_networks:
        problems["TRUSTED_PROXIES"] = f"{'; '.join(not_networks)}; {PRODUCTION_SAYS['TRUSTED_PROXIES']}"
    if production and not proxies:
        problems["TRUSTED_PROXIES"] = f"missing; {PRODUCTION_SAYS['TRUSTED_PROXIES']}"
    problems = {**_problems(environment, production=production), **problems}
    if problems:
        lines = (f"  {name}: {message}" for name, message in sorted(problems.items()))
        raise SystemExit("Countersign's environment has errors:\n" + "\n".join(lines))
    return environment


def holidays(text: str, problems: list[str]) -> frozenset[date]:
    """The organisation's days off (H8): dates with commas between, or the path of a file with one date a line.

    Args:
        text: ``2026-12-25,2027-01-01``, or a path, which has a slash in it. In a file, what follows a date on its line, or a ``#``,
            is for people.
        problems: one sentence is added for each entry that is no day, and for a file that can't be read.
    """
    entries = text.split(",")
    if "/" in text:
        try:
            lines = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{text} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}")
            return frozenset()
        entries = [line.partition("#")[0].strip().partition(" ")[0] for line in lines]
    days = set()
    for entry in filter(None, map(str.strip, entries)):
        try:
            days.add(date.fromisoformat(entry))
        except ValueError:
            problems.append(f"{entry[:40]} is no day")
    return frozenset(days)


def networks(text: str, problems: list[str]) -> tuple[Network, ...]:
    """The proxies that may report a client's address (S5).

    Args:
        text: addresses and networks with commas between, or ``none``.
        problems: one sentence is added for each entry that is no network, or is every address.
    """
    parsed: list[Network] = []
    for entry in filter(None, map(str.strip, text.split(","))):
        if entry == "none" and text.strip() == "none":
            continue
        try:
            network = ip_network(entry)
        except ValueError:
            problems.append(f"{entry[:40]} is no network")
            continue
        if network.prefixlen == 0:
            problems.append(f"{entry} trusts everybody")
        parsed.append(network)
    return tuple(parsed)


def _problems(environment: Environment, *, production: bool) -> dict[str, str]:
    """What is wrong with values that have the right type. No value is repeated: it may hold a password."""
    problems = {}
    given = {
        "SECRET_KEY": environment.secret_key,
        "DATABASE_URL": environment.database_url,
        "REDIS_URL": environment.redis_url,
        "ALLOWED_HOSTS": environment.allowed_hosts,
        "BASE_URL": environment.base_url,
    }
    if production:
        problems = {name: f"missing; {PRODUCTION_SAYS[name]}" for name, value in given.items() if not value}
        if "*" in environment.allowed_hosts:
            problems["ALLOWED_HOSTS"] = "* is every host; name them, with commas between"
        if environment.demo:
            problems["COUNTERSIGN_DEMO"] = "must be off here; it moves the clock and signs people in by name"
    try:
        conninfo_to_dict(environment.database_url)
    except ProgrammingError:
        problems["DATABASE_URL"] = f"not understood; {PRODUCTION_SAYS['DATABASE_URL']}"
    if environment.redis_url and not environment.redis_url.startswith(("redis://", "rediss://", "unix://")):
        problems["REDIS_URL"] = "not understood; redis://…, rediss://… or unix:///path/redis.sock"
    if environment.email_url and (wrong := _mail_problem(environment)):
        problems["EMAIL_URL"] = wrong
    if environment.base_url and not _is_root(environment.base_url):
        problems["BASE_URL"] = f"not understood; {PRODUCTION_SAYS['BASE_URL']}, without a path"
    if environment.time_zone not in zoneinfo.available_timezones():
        problems["ORGANISATION_TIME_ZONE"] = f"{environment.time_zone} is no time zone; Europe/Berlin is one"
    if environment.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        problems["LOG_LEVEL"] = "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
    if (environment.pool_max or 0) < 0:  # None when it was no number, which has been said
        problems["DATABASE_POOL_MAX"] = "0 for no pool, or how many connections one process may hold"
    return problems


def _mail_problem(environment: Environment) -> str:
    """What is wrong with ``EMAIL_URL``, or nothing."""
    try:
        server = mail_server.parse(environment.email_url)
    except ValueError as error:
        return str(error)
    is_clear = server["password"] and not (server["use_tls"] or server["use_ssl"])
    if is_clear and not environment.email_password_in_clear:
        return "sends the password in the clear; use smtp+starttls:// or smtps://, or set EMAIL_PASSWORD_IN_CLEAR=1"
    return ""


def _is_root(url: str) -> bool:
    """Whether this is the root of a site, as ``BASE_URL`` must be: without path, query, fragment or password."""
    try:
        parts = urlsplit(url)
        extras = parts.path or parts.query or parts.fragment or parts.username or parts.port == 0
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not extras
    except ValueError:
        return False


def database(url: str, *, pool_max: int) -> dict[str, object]:
    """Turn a libpq connection string or URL into one Django ``DATABASES`` entry with a connection pool.

    Args:
        url: ``postgresql://user@host/name`` or ``host=/socket dbname=name``.
        pool_max: connections one process may hold; 0 turns the pool off.
    """
    parts = conninfo_to_dict(url) if url else {}
    allowed = {"dbname", "user", "password", "host", "port"}
    options: dict[str, object] = {key: value for key, value in parts.items() if key not in allowed}
    # Values travel beside the statement, so that PostgreSQL plans it once for a connection and not at each request.
    options |= {"server_side_binding": True, "prepare_threshold": PREPARE_AFTER}
    # A server that is away, or answers nothing, is given up on quickly: people get a page that says so.
    options = {"connect_timeout": CONNECTS_WITHIN, "tcp_user_timeout": 10_000, **options}
    if pool_max:
        options["pool"] = {
            "min_size": 1,
            "max_size": pool_max,
            "timeout": CONNECTS_WITHIN,
            "reconnect_timeout": 0,  # each request tries anew: a server that is back is used at once
            "connection_class": Connection,
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", "countersign"),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
