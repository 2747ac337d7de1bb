"""The environment, typed: the only module that reads it, and it reports every error at once.

Settings modules take values from here; nothing else in the project looks at `os.environ`.
"""

import logging
import os
import zoneinfo
from collections.abc import Collection, Mapping
from datetime import date, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, ValidationError, validate
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from governance.settings.sign_in_providers import BadProviders, read_providers

ROOT = Path(__file__).resolve().parents[2]
Network = IPv4Network | IPv6Network

#: From this use on a connection keeps a statement prepared: psycopg's own number.
PREPARE_AFTER = 5
#: Seconds to wait for a connection.
CONNECTS_WITHIN = 3
#: Seconds that a mail server may take to answer. A sweep must not hang on one that is away.
MAIL_TIMEOUT = 20
#: Time that the first notice of a digest waits for others, so that one act or sweep causes one mail. Shorter in a demo.
GATHERING, GATHERING_IN_A_DEMO = timedelta(minutes=10), timedelta(seconds=10)
#: Variables without a default in production, and their meaning.
PRODUCTION_SAYS = {
    "SECRET_KEY": "50 or more random characters, kept out of version control",
    "DATABASE_URL": "a PostgreSQL of version 15 or newer: postgresql://user:password@host/name",
    "REDIS_URL": "the broker that wakes workers: redis://host:6379/0",
    "ALLOWED_HOSTS": "the host names that it answers for, with commas between",
    "BASE_URL": "where people reach it, for links in mail: https://…",
    "TRUSTED_PROXIES": "the proxies in front, 10.0.3.0/24,fd00:3::/64, or none where people reach it directly",
}
#: The other variables: what holds without one, and the meaning. docs/settings.md is made from both tables.
OPTIONAL = {
    "ORGANISATION": ("Your organisation", "name on pages and in mail"),
    "ORGANISATION_TIME_ZONE": ("Europe/Berlin", "time zone of the working day"),
    "ORGANISATION_HOLIDAYS": ("none", "days that no deadline counts: 2026-12-25,2027-01-01, or the path of a file"),
    "EMAIL_URL": (
        "mail stays in the portal",
        "submission://user:password@host with STARTTLS, smtp://host:465?ssl=true, or smtp://host without TLS",
    ),
    "EMAIL_FROM": ("Countersign <countersign@localhost>", "sender of mail"),
    "EMAIL_PASSWORD_IN_CLEAR": ("off", "1 allows a password in smtp://"),
    "MAIL_DIGEST_AT": ("07:30", "local time of each person's daily digest"),
    "LEDGER_KEY_FILE": ("in the home", "the key that signs seals"),
    "DIGEST_KEY_FILE": ("in the home", "the key of fingerprints"),
    "LEDGER_CHECKPOINT_FILE": ("in the home", "the last checkpoint"),
    "SIGN_IN_PROVIDERS": (
        "people have passwords",
        "a TOML file with the providers of single sign-on, see operations.md",
    ),
    "PASSWORD_SIGN_IN": ("on", "off leaves the providers alone: no password signs anybody in"),
    "DATABASE_POOL_MAX": ("8", "connections of one process; 0 means no pool"),
    "AUDIT_STREAM_URL": (
        "no stream",
        "gets every event of the ledger: https://…, syslog+tls://host:6514 or syslog://host:514",
    ),
    "AUDIT_STREAM_AUTHORIZATION_FILE": (
        "none",
        "a file with the Authorization header for https, such as Splunk and a token",
    ),
    "METRICS_TOKEN": ("no metrics", "lets a monitor read /metrics; 24 or more random characters"),
    "LOG_LEVEL": ("INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    "COUNTERSIGN_HOME": (".countersign", "private folder: embedded database, keys, checkpoint"),
    "COUNTERSIGN_DEMO": ("off; on in make run", "demo company, sign-in by name, movable clock; never in production"),
}


def read_settings(*, production: bool) -> dict[str, Any]:
    """Read every variable; returns the settings that follow from them, for a settings module.

    Args:
        production: whether the variables of `PRODUCTION_SAYS` are required.

    Raises:
        SystemExit: with one line for each variable that is missing or malformed. No value is repeated: it may hold a password.
    """
    env = Env(eager=False)
    for name, parser in PARSERS.items():
        env.add_parser(name, parser)
    home = env.path("COUNTERSIGN_HOME", ROOT / ".countersign")
    demo, password_in_clear = env.bool("COUNTERSIGN_DEMO", False), env.bool("EMAIL_PASSWORD_IN_CLEAR", False)
    database_url, pool_max = env.database("DATABASE_URL", ""), env.int("DATABASE_POOL_MAX", 8, validate=_NOT_NEGATIVE)
    mail = env.dj_email_url("EMAIL_URL", "")
    values = {
        "SECRET_KEY": env.str("SECRET_KEY", "" if production else "development-only-not-a-secret"),
        "ALLOWED_HOSTS": env.list("ALLOWED_HOSTS", [] if production else ["localhost", "127.0.0.1", "[::1]"]),
        "TRUSTED_PROXIES": env.networks("TRUSTED_PROXIES", "none"),
        "BASE_URL": env.root("BASE_URL", "" if production else "http://localhost:8000"),
        "ORGANISATION": env.str("ORGANISATION", "Your organisation"),
        "ORGANISATION_TIME_ZONE": env.str("ORGANISATION_TIME_ZONE", "Europe/Berlin", validate=_A_ZONE),
        "ORGANISATION_HOLIDAYS": env.holidays("ORGANISATION_HOLIDAYS", ""),
        "MAIL_DIGEST_AT": env.time("MAIL_DIGEST_AT", time(7, 30)),
        "MAIL_GATHERING": GATHERING_IN_A_DEMO if demo else GATHERING,
        "BROKER_URL": env.broker("REDIS_URL", ""),
        "BROKER_FOLDER": home / "broker",
        "LEDGER_KEY_FILE": env.path("LEDGER_KEY_FILE", home / "keys" / "ledger.pem"),
        "DIGEST_KEY_FILE": env.path("DIGEST_KEY_FILE", home / "keys" / "digest.key"),
        "LEDGER_CHECKPOINT_FILE": env.path("LEDGER_CHECKPOINT_FILE", home / "ledger-checkpoint.json"),
        "DEFAULT_FROM_EMAIL": env.str("EMAIL_FROM", "Countersign <countersign@localhost>"),
        "METRICS_TOKEN": env.str("METRICS_TOKEN", "", validate=_A_TOKEN),
        **_sign_in(env),
        **_audit_stream(env),
        "DEMO": demo,
        "LOG_LEVEL": env.log_level("LOG_LEVEL", logging.INFO),
    }
    problems = _problems(env) | _sign_in_problems(values)
    if mail and (mail_problem := _mail_problem(mail, password_in_clear=bool(password_in_clear))):
        problems["EMAIL_URL"] = mail_problem
    if production:
        problems |= _production_problems(values["ALLOWED_HOSTS"] or (), is_demo=bool(demo))
    if problems:
        lines = (f"  {name}: {message}" for name, message in sorted(problems.items()))
        raise SystemExit("Countersign's environment has errors:\n" + "\n".join(lines))
    assert pool_max is not None  # no problem was found
    databases = {"default": database(str(database_url), pool_max=pool_max)}
    return {**values, "MAIL_SERVER": _mail_server(mail), "DATABASES": databases}


def _sign_in(env: Env) -> dict[str, Any]:
    """How people sign in (P1)."""
    providers, passwords = env.providers("SIGN_IN_PROVIDERS", ""), env.bool("PASSWORD_SIGN_IN", True)
    return {"SOCIALACCOUNT_PROVIDERS": providers, "PASSWORD_SIGN_IN": passwords}


def _audit_stream(env: Env) -> dict[str, Any]:
    """Where the events of the ledger go (H2)."""
    url, authorization = env.stream("AUDIT_STREAM_URL", ""), env.secret("AUDIT_STREAM_AUTHORIZATION_FILE", "")
    return {"AUDIT_STREAM_URL": url, "AUDIT_STREAM_AUTHORIZATION": authorization}


def _sign_in_problems(values: Mapping[str, Any]) -> dict[str, str]:
    if values["PASSWORD_SIGN_IN"] is not False or values["SOCIALACCOUNT_PROVIDERS"] != {}:
        return {}
    return {"PASSWORD_SIGN_IN": "off needs SIGN_IN_PROVIDERS, or nobody could sign in"}


def _problems(env: Env) -> dict[str, str]:
    try:
        env.seal()
    except EnvValidationError as error:
        messages = error.error_messages if isinstance(error.error_messages, Mapping) else {}
        return {
            name: "; ".join([*map(str, texts), *([PRODUCTION_SAYS[name]] if name in PRODUCTION_SAYS else [])])
            for name, texts in messages.items()
        }
    return {}


def _production_problems(hosts: Collection[str], *, is_demo: bool) -> dict[str, str]:
    """What an installation that counts lacks, or may not have."""
    problems = {name: f"missing; {text}" for name, text in PRODUCTION_SAYS.items() if not os.environ.get(name)}
    if "*" in hosts:
        problems["ALLOWED_HOSTS"] = "* is every host; name them, with commas between"
    if is_demo:
        problems["COUNTERSIGN_DEMO"] = "must be off here; it moves the clock and signs people in by name"
    return problems


_NOT_NEGATIVE = validate.Range(min=0, error="0 for no pool, or how many connections one process may hold")
_A_TOKEN = validate.Regexp(r"(?:[\x21-\x7e]{24,})?\Z", error="24 or more random characters without spaces")
_A_ZONE = validate.OneOf(zoneinfo.available_timezones(), error="{input} is no time zone; Europe/Berlin is one")


def _database(url: str) -> str:
    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ValidationError("not understood") from error
    return url


def _broker(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValidationError("not understood; redis://…, rediss://… or unix:///path/redis.sock")
    return url


def _root(url: str) -> str:
    """The root of a site, without path, query, fragment or password."""
    root = url.rstrip("/")
    try:
        parts = urlsplit(root)
        extras = parts.path or parts.query or parts.fragment or parts.username or parts.port == 0
    except ValueError:
        extras = True
    if root and (extras or parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValidationError("not understood; no path, please")
    return root


def _holidays(text: str) -> frozenset[date]:
    """The organisation's days off (H8): dates with commas between, or the path of a file with one date a line.

    A path has a slash in it. In a file, text after a date or after ``#`` is for people.
    """
    entries = text.split(",")
    if "/" in text:
        try:
            lines = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ValidationError(f"{text} can't be read: {reason}; one date a line, please") from error
        entries = [line.partition("#")[0].strip().partition(" ")[0] for line in lines]
    days, problems = set(), []
    for entry in filter(None, map(str.strip, entries)):
        try:
            days.add(date.fromisoformat(entry))
        except ValueError:
            problems.append(f"{entry[:40]} is no day")
    if problems:
        raise ValidationError([*problems, "2026-12-25,2027-01-01 or a file with one a line"])
    return frozenset(days)


def _networks(text: str) -> tuple[Network, ...]:
    """The proxies that may report a client's address (S5): addresses and networks with commas between, or ``none``."""
    networks: list[Network] = []
    for entry in filter(None, map(str.strip, "" if text.strip() == "none" else text.split(","))):
        try:
            networks.append(ip_network(entry))
        except ValueError as error:
            raise ValidationError(f"{entry[:40]} is no network") from error
        if networks[-1].prefixlen == 0:
            raise ValidationError(f"{entry} trusts everybody")
    return tuple(networks)


def _providers(path: str) -> dict[str, Any]:
    """The sign-in providers (P1) of a file; none without one."""
    try:
        return read_providers(Path(path)) if path else {}
    except BadProviders as error:
        raise ValidationError(str(error)) from error


def _stream(url: str) -> str:
    """The receiver of the audit stream; http only on this machine, for trials."""
    try:
        parts = urlsplit(url)
        is_right = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        is_right = False
    here = is_right and parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if url and not (is_right and (here or parts.scheme in ("https", "syslog+tls", "syslog"))):
        raise ValidationError("not understood; https://…, syslog+tls://host:6514 or syslog://host:514")
    return url


def _secret(path: str) -> str:
    """The one line of a private file."""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, ValueError) as error:
        raise ValidationError(f"can't be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error
    if path and (not secret.isprintable() or not secret):
        raise ValidationError("has no line, or more than one")
    return secret


PARSERS = {
    "database": _database,
    "broker": _broker,
    "root": _root,
    "holidays": _holidays,
    "networks": _networks,
    "providers": _providers,
    "stream": _stream,
    "secret": _secret,
}


def _mail_problem(mail: Mapping[str, Any], *, password_in_clear: bool) -> str:
    """What is wrong with ``EMAIL_URL``, which environs has parsed, or nothing."""
    if not os.environ.get("EMAIL_URL"):
        return ""
    if not os.environ["EMAIL_URL"].startswith(("smtp://", "submission://")):
        return "begins with smtp:// or submission://"
    if not urlsplit(os.environ["EMAIL_URL"]).hostname:
        return "names no host"
    is_clear = mail["EMAIL_HOST_PASSWORD"] and not (mail["EMAIL_USE_TLS"] or mail["EMAIL_USE_SSL"])
    if is_clear and not password_in_clear:
        return "sends the password in the clear; use submission://, or set EMAIL_PASSWORD_IN_CLEAR=1"
    return ""


def _mail_server(mail: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of `django.core.mail.get_connection`; None without a mail server."""
    if not mail["EMAIL_HOST"]:
        return None
    names = ("backend", "host", "port", "use_tls", "use_ssl")
    sign_in = {"username": mail["EMAIL_HOST_USER"] or "", "password": mail["EMAIL_HOST_PASSWORD"] or ""}
    return {**{name: mail[f"EMAIL_{name.upper()}"] for name in names}, **sign_in, "timeout": MAIL_TIMEOUT}


def database(url: str, *, pool_max: int) -> dict[str, object]:
    """Turn a libpq connection string or URL into one Django ``DATABASES`` entry with a connection pool.

    Args:
        url: ``postgresql://user@host/name`` or ``host=/socket dbname=name``.
        pool_max: connections one process may hold; 0 turns the pool off.
    """
    parts = conninfo_to_dict(url) if url else {}
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options: dict[str, object] = {key: value for key, value in parts.items() if key not in names.values()}
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
        }
    return {
        "ENGINE": "governance.settings.postgresql",
        **{setting: str(parts.get(name, "")) for setting, name in names.items()},
        "NAME": parts.get("dbname", "countersign"),
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }
