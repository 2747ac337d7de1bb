"""A migrated database kept between runs, because migrating takes longer than most runs of a few tests.

It is the data folder of a cleanly stopped server in pytest's cache, named by a digest of everything that migrating reads. A
change to any of it makes a new one; `pytest --cache-clear` forgets all.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.environment import ROOT

#: What a migration reads or imports: itself, the models and guards it names, the policy it loads, packages' migrations.
READ_BY_MIGRATIONS = (
    *("*/migrations/*.py", "*/*/migrations/*.py", "*/models/*.py", "*/*/models/*.py", "*/models.py", "*/*/models.py"),
    *("*/sql/*.sql", "*/*/sql/*.sql", "governance/core/database/schema.py"),
    *(
        "approvals/policies/*.*",
        "approvals/conflicts/*.*",
        "approvals/conflicts/*/*.*",
        "governance/core/roles/roles.py",
        "governance/devserver/postgres.py",
    ),
    *(
        "requirements/base.txt",
        "requirements/trial.txt",
        "tests/conftest.py",
    ),
)
#: Several working states may alternate on one machine.
KEPT = 4


class Template:
    """The kept folder for the code as it is now, there or not.

    Args:
        cache: a folder of pytest's cache.
        major: the version of PostgreSQL that the tests run on.
    """

    def __init__(self, cache: Path, major: int) -> None:
        digest = hashlib.sha256(str(major).encode())
        for path in sorted({path for pattern in READ_BY_MIGRATIONS for path in ROOT.glob(pattern)}):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
        self.folder = cache / digest.hexdigest()[:16]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time look for the folder, so that of workers side by side the first one migrates for all."""
        with self.folder.parent.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def copy_to(self, data: Path) -> bool:
        """Put a copy where a server will look for its data; returns whether there was one."""
        if not self.folder.is_dir():
            return False
        self.folder.touch()
        try:
            shutil.copytree(self.folder, data, copy_function=shutil.copyfile)
        except (OSError, shutil.Error):  # another run has dropped it
            shutil.rmtree(data, ignore_errors=True)
            return False
        data.chmod(0o700)
        return True

    def keep(self, data: Path) -> None:
        """Keep a copy of a stopped server's data, and throw away those that were not used for longest."""
        half = self.folder.with_name(f"{self.folder.name}.{data.parent.name}")
        shutil.copytree(data, half, copy_function=shutil.copyfile)
        if self.folder.exists():  # another run was quicker
            shutil.rmtree(half)
        else:
            half.rename(self.folder)
        others = sorted(self.folder.parent.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
