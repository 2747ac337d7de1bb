"""Write the major versions of PostgreSQL on this machine, lowest first: ``python -m tests.postgres_versions``."""

import sys

from governance.devserver import postgres

majors = sorted({each.major for each in postgres.installations()})
sys.stdout.write(f"{' '.join(map(str, majors))}\n")
