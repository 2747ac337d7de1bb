"""`Grant.sentence` as SQL, for statements that write thousands of snapshots (R2, R3).

The words come from `inventory.importers.sentences`; a test compares both for every form of a sentence.
"""

from __future__ import annotations

from inventory.importers import sentences
from inventory.importers.display import EXPRESSION, MODEL
from inventory.risk.tiers import POWER


def _text(text: str) -> str:
    """Quote a constant of the code as an SQL literal, also for statements with placeholders."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _escaped(text: str) -> str:
    """Escape text as a regular expression that matches only this text."""
    return "".join(
        f"\\{character}" if not character.isalnum() and not character.isspace() else character for character in text
    )


_POWER = f"ARRAY[{', '.join(_text(level) for level in POWER)}]"

#: Label of the target of grant ``g`` for privilege ``p``; also where the scope was narrowed (A7).
_LABEL = """CASE WHEN g.scope <@ p.scope AND NOT p.scope <@ g.scope THEN array_to_string(g.scope, ', ')
    ELSE COALESCE(NULLIF(p.target_name, ''), p.target) END"""

#: As `sentences.target_text`: run-time targets in words, and the last of several after "and".
_NAMED = f"""CASE label WHEN '' THEN '' WHEN {_text(MODEL)} THEN {_text(sentences.target_text(MODEL))}
    WHEN {_text(EXPRESSION)} THEN {_text(sentences.target_text(EXPRESSION))}
    ELSE regexp_replace(regexp_replace(label, {_text(f"{_escaped(EXPRESSION)}|{_escaped(MODEL)}")}, '…', 'g'),
        '^(.*), (.*)$', '\\1 and \\2') END"""

#: As `sentences.sentence_for`.
_WHOLE = f"""CASE WHEN named <> '' AND e.form <> ''
        THEN replace(replace(e.form, {_text(sentences.TARGET)}, named), {_text(sentences.RESOURCE)}, r.name)
    ELSE e.words || CASE WHEN named <> '' THEN ': ' || named || ', ' ELSE ' ' END
        || COALESCE(substring(e.form from '(\\w+) \\{{resource\\}}$'), 'in') || ' ' || r.name END"""

_LOWERED = " ".join(f"WHEN {_text(level)} THEN {_text(words)}" for level, words in sentences.LOWERED.items())

#: Sentence of grant ``g`` with privilege ``p``, entitlement ``pe`` and resource ``pr``, or with credential ``pc``.
SENTENCE = f"""CASE WHEN p.id IS NOT NULL THEN
    (SELECT {_WHOLE.replace("e.", "pe.").replace("r.name", "pr.name")}
        FROM (SELECT {_NAMED} AS named FROM (SELECT {_LABEL} AS label) labelled) said)
    || CASE WHEN array_position({_POWER}, g.level::text) < array_position({_POWER}, p.level::text)
        THEN ', narrowed to ' || CASE g.level {_LOWERED} END ELSE '' END
    WHEN pc.id IS NULL THEN ''
    WHEN pc.name <> '' THEN 'Uses the credential ' || pc.name
    ELSE 'Uses a credential without a name, of kind ' || pc.kind END"""  # noqa: S608  put together from pieces of its own

#: Joins that `SENTENCE` needs beside grant ``g``.
JOINED = """JOIN approvals_approval ap ON ap.id = g.approval_id
LEFT JOIN inventory_privilege p ON p.id = ap.privilege_id
LEFT JOIN inventory_entitlement pe ON pe.id = p.entitlement_id LEFT JOIN inventory_resource pr ON pr.id = pe.resource_id
LEFT JOIN inventory_credential pc ON pc.id = g.credential_id"""
