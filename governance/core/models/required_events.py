"""`RECORDED`: the rows that need ledger events, for the verifier (H1). ``required_events.toml`` lists and explains them."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def instant(column: str) -> str:
    """SQL: an instant as payloads write it (`ledger.instant`)."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00'"""


def opaque(column: str) -> str:
    """SQL: the opaque id of a person, as the ledger names actors; empty without one."""
    return f"COALESCE((SELECT p.opaque_id::text FROM controls_person p WHERE p.id = {column}), '')"  # noqa: S608  columns of our own


def texts(values: Sequence[str]) -> str:
    """SQL: a list of texts of our own."""
    return ", ".join(f"'{value}'" for value in values)


def _expand(sql: str) -> str:
    """Replace ``{instant:column}`` and ``{opaque:column}``."""
    functions = {"instant": instant, "opaque": opaque}
    return re.sub(r"\{(instant|opaque):([^}]+)\}", lambda match: functions[match[1]](match[2]), sql)


@dataclass(frozen=True)
class Says:
    """One fact of a row that its newest event repeats."""

    what: str
    told: str
    held: str
    verbs: Sequence[str] = ()
    otherwise: str | None = None


@dataclass(frozen=True)
class Recorded:
    """Which events the rows of one model need. Without ``rows``, another row's event counts them."""

    model: str
    noun: str
    to_do: str
    rows: str = ""
    events: str = ""
    says: Sequence[Says] = ()

    @property
    def table(self) -> str:
        """The model's table."""
        return self.model.replace(".", "_")


def _recorded(entry: dict[str, Any]) -> Recorded:
    model, verbs = entry["model"], entry.pop("made_by", ())
    says = [
        Says(**{**each, "told": _expand(each["told"]), "held": _expand(each["held"])}) for each in entry.pop("says", ())
    ]
    if verbs:
        done = f"e.subject_type = '{model}' AND e.outcome = 'done' AND e.verb IN ({texts(verbs)})"
        entry["rows"] = f"SELECT r.id::text AS id, r.id::text AS key FROM {model.replace('.', '_')} r"  # noqa: S608  a table of our own
        entry["events"] = f"SELECT e.id, e.subject_id AS key FROM controls_ledgerevent e WHERE {done}"  # noqa: S608
    return Recorded(**{name: _expand(value) for name, value in entry.items()}, says=says)


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
RECORDED = [_recorded(entry) for entry in _TABLES["recorded"]]
