"""A migrated database kept between runs, because migrating takes longer than most runs of a few tests.

It is the data folder of a cleanly stopped server in pytest's cache, named by a digest of everything that migrating reads. A
change to any of it makes a new one; `pytest --cache-clear` forgets all.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.environment import ROOT

#: What a migration reads or imports: itself, the models and guards it names, the policy it loads, packages' migrations.
READ_BY_MIGRATIONS = (
    *("*/migrations/*.py", "*/*/migrations/*.py", "*/models/*.py", "*/*/models/*.py", "*/models.py", "*/*/models.py"),
    *("*/sql/*.sql", "*/*/sql/*.sql", "governance/core/database/sql_files.py"),
    *(
