"""The environment, typed: the only module that reads it, and it reports every error at once.

Other settings modules take values from `ENV`; nothing else in the project looks at `os.environ`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from environs import Env, EnvValidationError
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Environment:
    """What the operator may set. Times are seconds, paths are absolute."""

    home: Path
    secret_key: str
    database_url: str
    redis_url: str
    allowed_hosts: list[str]
    base_url: str
    organisation: str
    time_zone: str
    ledger_key_file: Path
    digest_key_file: Path
    checkpoint_file: Path
    email_url: str
    email_from: str
    demo: bool
    pool_max: int
    log_level: str


def read(*, require_secret_key: bool) -> Environment:
    """Read every variable.

    Args:
        require_secret_key: whether a missing ``SECRET_KEY`` is an error (it is outside tests and development).

    Raises:
        SystemExit: with one line for each variable that is missing or malformed.
    """
    env = Env(eager=False)
    home = env.path("COUNTERSIGN_HOME", ROOT / ".countersign")
    secret = env.str("SECRET_KEY", "" if require_secret_key else "development-only-not-a-secret")
    found = Environment(
        home=home,
        secret_key=secret,
        database_url=env.str("DATABASE_URL", ""),
        redis_url=env.str("REDIS_URL", ""),
        allowed_hosts=env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
        base_url=env.str("BASE_URL", "http://localhost:8000").rstrip("/"),
        organisation=env.str("ORGANISATION", "Your organisation"),
        time_zone=env.str("ORGANISATION_TIME_ZONE", "Europe/Berlin"),
        ledger_key_file=env.path("LEDGER_KEY_FILE", home / "keys" / "ledger.pem"),
        digest_key_file=env.path("DIGEST_KEY_FILE", home / "keys" / "digest.key"),
        checkpoint_file=env.path("LEDGER_CHECKPOINT_FILE", home / "ledger-checkpoint.json"),
        email_url=env.str("EMAIL_URL", ""),
        email_from=env.str("EMAIL_FROM", "Countersign <countersign@localhost>"),
        demo=env.bool("COUNTERSIGN_DEMO", False),
        pool_max=env.int("DATABASE_POOL_MAX", 8),
        log_level=env.str("LOG_LEVEL", "INFO"),
    )
    problems = []
    try:
        env.seal()
    except EnvValidationError as error:
        problems += [f"{name}: {'; '.join(said)}" for name, said in sorted(error.error_messages.items())]
    if require_secret_key and not secret:
        problems.append("SECRET_KEY: set it to 50 or more random characters and keep it out of version control")
    if problems:
        raise SystemExit("Countersign's environment has errors:\n  " + "\n  ".join(problems))
    return found


def database(url: str, *, pool_max: int) -> dict[str, object]:
    """Turn a libpq connection string or URL into one Django ``DATABASES`` entry with a connection pool.

    Args:
        url: ``postgresql://user@host/name`` or ``host=/socket dbname=name``.
        pool_max: connections one process may hold; 0 turns the pool off.
    """
    parts = conninfo_to_dict(url) if url else {}
    known = {"dbname", "user", "password", "host", "port"}
    options: dict[str, object] = {key: value for key, value in parts.items() if key not in known}
    if pool_max:
        options["pool"] = {"min_size": 1, "max_size": pool_max, "timeout": 20}
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
