"""What `Grant.sentence` says, said by the database: for statements that write thousands of snapshots (R2, R3).

The words themselves are those of `inventory.importers.sentences`; a test compares the two for every way in which a sentence is made.
"""

from __future__ import annotations

from inventory.importers import sentences
from inventory.importers.display import EXPRESSION, MODEL
from inventory.risk.tiers import POWER


def _text(said: str) -> str:
    """A text of the code's own as SQL writes it, also where the statement has placeholders."""
    return "'" + said.replace("'", "''").replace("%", "%%") + "'"


def _escaped(said: str) -> str:
    """The same as a regular expression that matches it alone."""
    return "".join(f"\\{one}" if not one.isalnum() and not one.isspace() else one for one in said)


_POWER = f"ARRAY[{', '.join(_text(one) for one in POWER)}]"

#: Of a privilege ``p`` as it was asked, and a grant ``g`` of it: the label of the target, where less was left than was asked too (A7).
_LABEL = """CASE WHEN g.scope <@ p.scope AND NOT p.scope <@ g.scope THEN array_to_string(g.scope, ', ')
    ELSE COALESCE(NULLIF(p.target_name, ''), p.target) END"""

#: As `words.said_target` says it: what is decided at run time in words, and the last of several after "and".
_NAMED = f"""CASE label WHEN '' THEN '' WHEN {_text(MODEL)} THEN {_text(sentences.said_target(MODEL))}
    WHEN {_text(EXPRESSION)} THEN {_text(sentences.said_target(EXPRESSION))}
    ELSE regexp_replace(regexp_replace(label, {_text(f"{_escaped(EXPRESSION)}|{_escaped(MODEL)}")}, '…', 'g'),
        '^(.*), (.*)$', '\\1 and \\2') END"""

#: As `words.sentence` puts it together.
_WHOLE = f"""CASE WHEN named <> '' AND e.form <> ''
        THEN replace(replace(e.form, {_text(sentences.TARGET)}, named), {_text(sentences.RESOURCE)}, r.name)
    ELSE e.words || CASE WHEN named <> '' THEN ': ' || named || ', ' ELSE ' ' END
        || COALESCE(substring(e.form from '(\\w+) \\{{resource\\}}$'), 'in') || ' ' || r.name END"""

_LOWERED = " ".join(f"WHEN {_text(level)} THEN {_text(said)}" for level, said in sentences.LOWERED.items())

#: The sentence of a grant ``g``, of its approval's privilege ``p`` with entitlement ``pe`` and resource ``pr``, or credential ``pc``.
SENTENCE = f"""CASE WHEN p.id IS NOT NULL THEN
    (SELECT {_WHOLE.replace("e.", "pe.").replace("r.name", "pr.name")}
        FROM (SELECT {_NAMED} AS named FROM (SELECT {_LABEL} AS label) labelled) said)
    || CASE WHEN array_position({_POWER}, g.level::text) < array_position({_POWER}, p.level::text)
        THEN ', narrowed to ' || CASE g.level {_LOWERED} END ELSE '' END
    WHEN pc.id IS NULL THEN ''
    WHEN pc.name <> '' THEN 'Uses the credential ' || pc.name
    ELSE 'Uses a credential without a name, of kind ' || pc.kind END"""  # noqa: S608  put together from pieces of its own

#: What it reads, joined to the grant ``g``.
JOINED = """JOIN approvals_approval ap ON ap.id = g.approval_id
LEFT JOIN inventory_privilege p ON p.id = ap.privilege_id
LEFT JOIN inventory_entitlement pe ON pe.id = p.entitlement_id LEFT JOIN inventory_resource pr ON pr.id = pe.resource_id
LEFT JOIN inventory_credential pc ON pc.id = g.credential_id"""
