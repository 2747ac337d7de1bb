"""`make lint`: everything that can be said about the code without running its tests.

Each check runs to its end whatever the others say; a failing one shows its output. Sizes of functions and subjects of commits are
aims: they are listed and fail nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.structure.file_sizes import long_files, long_functions

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
MANAGE = [
    sys.executable,
    "-W",
    "ignore:Got an error checking a consistent migration history:RuntimeWarning",
    "manage.py",
]

#: What a production host would set; each value is made up here and thrown away.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "governance.settings.prod",
    "SECRET_KEY": "made-up-for-one-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGH",
    "ALLOWED_HOSTS": "countersign.example.org",
    "TRUSTED_PROXIES": "127.0.0.1",
    "BASE_URL": "https://countersign.example.org",
    "DATABASE_URL": "postgresql://countersign@database.example.org/countersign",
    "REDIS_URL": "rediss://broker.example.org/0",
    "EMAIL_URL": "smtp://mail.example.org",
    "COUNTERSIGN_DEMO": "0",
}
#: Most characters of a commit's subject (.gitmessage).
SUBJECT_LENGTH = 72
#: No database is asked: not even for which migrations it has.
TESTING = {
    "DJANGO_SETTINGS_MODULE": "governance.settings.test",
    "DATABASE_URL": "",
    "DATABASE_POOL_MAX": "0",
    "REDIS_URL": "",
}


def checks(home: str) -> list[tuple[str, list[str | Path], dict[str, str]]]:
    """Each check: its name, its command, its environment. `home` is an empty private folder."""
    templates = sorted((ROOT / "templates").rglob("*.html"))
    production = {**PRODUCTION, "COUNTERSIGN_HOME": home}
    return [
        ("format", [PROGRAMS / "ruff", "format", "--check", "--quiet", "."], {}),
        ("lint", [PROGRAMS / "ruff", "check", "--quiet", "."], {}),
        ("types", [PROGRAMS / "mypy", "--no-error-summary"], {**TESTING, "COUNTERSIGN_HOME": home}),
        ("imports", [PROGRAMS / "lint-imports"], {}),
        ("language", [sys.executable, "-m", "tests.structure.language"], {}),
        ("templates", [PROGRAMS / "djade", "--target-version", "5.2", "--check", *templates], {}),
        ("indentation", [PROGRAMS / "djhtml", "--tabwidth", "2", "--check", ROOT / "templates"], {}),
        (
            "migrations",
            [*MANAGE, "makemigrations", "--check", "--dry-run", "--no-input"],
            {**TESTING, "COUNTERSIGN_HOME": home},
        ),
        ("keys", [*MANAGE, "make_keys"], production),  # a deploy check looks for them
        ("deploy", [*MANAGE, "check", "--deploy", "--tag", "security", "--fail-level", "WARNING"], production),
    ]


def long_subjects() -> list[str]:
    """Return the subjects of over 72 characters among the last 20 commits; none outside of a git checkout."""
    log = subprocess.run(["git", "log", "-20", "--format=%s"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [subject for subject in log.stdout.splitlines() if len(subject) > SUBJECT_LENGTH]


def main() -> int:
    """Run every check; returns the exit status."""
    failed = []
    with tempfile.TemporaryDirectory() as home:
        for name, command, variables in checks(home):
            began = time.monotonic()
            result = subprocess.run(
                [str(part) for part in command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            passed = result.returncode == 0
            print(f"{'ok  ' if passed else 'FAIL'} {name:<12} {time.monotonic() - began:5.1f} s", flush=True)
            if not passed:
                failed.append(name)
                print(result.stdout, flush=True)
    for line in long_subjects():
        print(f"subject: {line}")
    for line in long_functions(ROOT):
        print(f"large: {line}")
    if too_long := list(long_files(ROOT)):
        failed.append("sizes")
        print("\n".join(("FAIL sizes", *too_long)))
    print(f"Failed: {', '.join(failed)}." if failed else "All checks passed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
