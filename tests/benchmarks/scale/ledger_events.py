"""The statements that write the ledger events of a block of automations, after the rows that they are about."""

from __future__ import annotations

from governance.core.models import LedgerEvent
from governance.core.models.required_events import instant
from tests.benchmarks.scale.insert_select import insert

#: The canonical form of an event (RFC 8785), which its digest is of; see `ledger.canonical`.
_CANONICAL = """'{"about":' || (SELECT '[' || string_agg('"' || a || '"', ',' ORDER BY place) || ']'
    FROM unnest(about) WITH ORDINALITY u(a, place)) || ',"actor_id":"' || actor || '","actor_kind":"person","at":"'
    || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00","code":"","correlation":"' || correlation
    || '","event_id":"' || event || '","for_id":"","outcome":"done","payload":' || payload || ',"subject_id":"' || subject
    || '","subject_type":"' || type || '","verb":"' || verb || '"}'"""

_PARTIES = """'{"parties":["' || t.opaque_id || ' submitter","' || b.opaque_id || ' business_owner","'
    || t.opaque_id || ' technical_owner"]}'"""
_GRANT = f"""'{{"approval":"' || approval_id || '","ends_at":"' || {instant("ends_at")} || '","to":"active"}}'"""
_LIVE = """'{"to":"' || CASE state WHEN 'suspended' THEN state ELSE 'live' END || '","version":1}'"""
_HELD = "approvals_grant g JOIN plan ON plan.automation = g.automation_id"
_LATE = "%(now)s::timestamptz - interval '1 hour'"


def _told(verb: str, subject: str, source: str, *, by: str, at: str, payload: str) -> str:
    """SQL of the events of one verb.

    Args:
        verb: the event's name.
        subject: SQL of the subject's key; the verb says its model.
        source: what stands behind FROM, with the plan's columns.
        by: SQL of a person's key.
        at: SQL of the instant.
        payload: SQL of the payload's canonical text.
    """
    noun = verb.partition(".")[0]
    model = f"inventory.{noun}" if noun == "automation" else f"approvals.{noun}"
    subjects = {
        "automation": [],
        "approval": ["'approvals.submission:' || submission", "'inventory.automation:' || automation"],
    }.get(noun, ["'inventory.automation:' || automation"])
    named = ", ".join([f"'{model}:' || {subject}", *subjects])
    return (
        f"SELECT n, {by} AS person, '{verb}' AS verb, '{model}' AS type, {subject}::text AS subject,"
        f" ARRAY[{named}] AS about, {at} AS at, {payload} AS payload FROM {source}"
    )


def _to(state: str) -> str:
    return f"""'{{"to":"{state}"}}'"""


def record(asking: str, through: str, open_now: str) -> tuple[str, str]:
    """The two statements that make the events of a block and insert them.

    Args:
        asking: SQL of the plan's rows with a submission, as ``plan``.
        through: SQL of whether a row of the plan is in force or was.
        open_now: SQL of whether its stage 2 is open.
    """
    people = "JOIN controls_person t ON t.id = technical JOIN controls_person b ON b.id = business"
    approvals = f"(SELECT DISTINCT n, stage, approval FROM signature) asked JOIN {asking} USING (n)"
    voted = f"signature JOIN {asking} USING (n) WHERE CASE stage WHEN 1 THEN {open_now} ELSE is_through END"
    lately = {"by": "technical", "at": "asked_lately"}
    begun = {"by": "lead", "at": "begun"}
    late = {"by": "business", "at": _LATE}
    selects = (
        _told(
            "automation.registered",
            "automation",
            "plan",
            by="technical",
            at="begun - interval '9 days'",
            payload="'{}'",
        ),
        _told("submission.submitted", "submission", f"{asking} {people}", by="technical", at="at", payload=_PARTIES),
        _told(
            "approval.opened",
            "approval",
            f"{approvals} WHERE NOT is_through AND (stage = 1 OR {open_now})",
            by="technical",
            at="at",
            payload=_to("open"),
        ),
        _told(
            "approval.approved",
            "approval",
            voted,
            by="person",
            at="at + stage * interval '1 day'",
            payload=_to("approved"),
        ),
        _told("submission.put_in_force", "submission", f"plan WHERE {through}", **begun, payload=_to("in_force")),
        _told(
            "automation.put_in_review",
            "automation",
            "plan WHERE state = 'in_review'",
            **lately,
            payload=_to("in_review"),
        ),
        _told("automation.went_live", "automation", f"plan WHERE {through}", **begun, payload=_LIVE),
        _told("automation.retired", "automation", "plan WHERE state = 'retired'", **late, payload=_to("retired")),
        _told("grant.created", "g.id", _HELD, **begun, payload=_GRANT),
        _told("grant.ended", "g.id", f"{_HELD} WHERE g.state = 'ended'", **late, payload=_to("ended")),
    )
    return (
        f"""CREATE TEMPORARY TABLE event ON COMMIT DROP AS
            SELECT md5(type || said.subject || verb || person)::uuid AS event, md5('c' || n)::uuid AS correlation,
                p.opaque_id AS actor, said.*
            FROM ({" UNION ALL ".join(selects)}) said JOIN controls_person p ON p.id = said.person ORDER BY at, n""",
        insert(
            LedgerEvent,
            "event",
            event_id="event",
            xid="pg_current_xact_id()",
            at="at",
            actor_kind="'person'",
            actor_id="actor::text",
            verb="verb",
            subject_type="type",
            subject_id="subject",
            about="about",
            correlation="correlation",
            payload="payload::jsonb",
            digest=f"encode(sha256(convert_to({_CANONICAL}, 'UTF8')), 'hex')",
        ),
    )
