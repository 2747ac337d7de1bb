"""Tests of the importers. None needs a database, and none runs what it reads."""
