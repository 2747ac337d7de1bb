"""`RECORDED`: the rows that need ledger events, for the verifier (H1).

To add a model, add an entry here. Where a commit without the event must be refused, add a trigger with `state_on_record` to the app's SQL.
The SQL of an entry names a row of the model ``r`` and an event ``e``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


def instant(column: str) -> str:
    """SQL: an instant as payloads write it (`ledger.instant`)."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00'"""


def opaque(column: str) -> str:
    """SQL: the opaque id of a person, as the ledger names actors; empty for nobody."""
    return f"COALESCE((SELECT p.opaque_id::text FROM controls_person p WHERE p.id = {column}), '')"  # noqa: S608  columns of this table alone


def texts(values: Sequence[str]) -> str:
    """SQL: a list of texts of our own."""
    return ", ".join(f"'{value}'" for value in values)


@dataclass(frozen=True)
class Says:
    """The newest event that says something about a row says what the row holds.

    Args:
        what: names the fact in a finding.
        told: SQL of the event's value; an event for which it is null says nothing of it.
        held: SQL of the row's value, as text.
        verbs: only these events; all of them where none is named.
        otherwise: what a row holds that no event speaks of; None where that is unknown.
    """

    what: str
    told: str
    held: str
    verbs: Sequence[str] = ()
    otherwise: str | None = None


@dataclass(frozen=True)
class Pairs:
    """Rows and events go one to one by a key.

    Args:
        rows: SQL of each row's ``id`` and ``key``, both text.
        events: SQL of each event's ``id`` and ``key``.
    """

    rows: str
    events: str


@dataclass(frozen=True)
class Recorded:
    """Which events the rows of one model need.

    Args:
        model: its label.
        noun: what a finding calls a row.
        to_do: what to do about a row that no event made or changed.
        pairs: how each row finds the event that made it; None where another row's event counts it.
        says: what events say of its columns.
    """

    model: str
    noun: str
    to_do: str
    pairs: Pairs | None = None
    says: Sequence[Says] = field(default_factory=tuple)

    @property
    def table(self) -> str:
        """The model's table."""
        return self.model.replace(".", "_")


def _made(model: str, *verbs: str) -> Pairs:
    """Each row was made by one of these events, of which it is the subject."""
    return Pairs(
        f"SELECT r.id::text AS id, r.id::text AS key FROM {model.replace('.', '_')} r",  # noqa: S608  names of this table alone
        f"SELECT e.id, e.subject_id AS key FROM controls_ledgerevent e WHERE {_done(model, verbs)}",  # noqa: S608
    )


def _done(model: str, verbs: Sequence[str] = ()) -> str:
    named = f" AND e.verb IN ({texts(verbs)})" if verbs else ""
    return f"e.subject_type = '{model}' AND e.outcome = 'done'{named}"


_STATE = "e.payload ->> 'to'"

#: What one person said in an approval at an instant: the decision's row, or the event of the same.
_VOTE = "concat_ws(' ', {approval}, {verb}, {person}, {for_person}, {at})"
_VERBS = "CASE {outcome} WHEN 'approve' THEN 'approval.approved' WHEN 'reject' THEN 'approval.rejected' ELSE 'approval.changes_asked' END"
_TOLD = _VOTE.format(
    approval="e.subject_id", verb="e.verb", person="e.actor_id", for_person="e.for_id", at=instant("e.at")
)


def _votes(rows: str, approval: str, verb: str, *verbs: str) -> Pairs:
    held = _VOTE.format(
        approval=approval,
        verb=verb,
        person=opaque("r.person_id"),
        for_person=opaque("r.for_person_id"),
        at=instant("r.at"),
    )
    return Pairs(
        f"SELECT r.id::text AS id, {held} AS key FROM {rows}",  # noqa: S608
        f"SELECT e.id, {_TOLD} AS key FROM controls_ledgerevent e WHERE {_done('approvals.approval', verbs)}",  # noqa: S608
    )


#: Parties are named by the events that made them parties. A submission from before its event named them is left out.
_PARTIES = Pairs(
    f"""SELECT r.id::text AS id, concat_ws(' ', r.submission_id, {opaque("r.person_id")}, r.capacity) AS key FROM approvals_party r
        WHERE EXISTS (SELECT FROM controls_ledgerevent e WHERE {_done("approvals.submission", ["submission.submitted"])}
                      AND e.subject_id = r.submission_id::text AND e.payload ? 'parties')""",  # noqa: S608
    f"""SELECT min(told.id) AS id, told.key FROM (
            SELECT e.id, concat_ws(' ', e.subject_id, named.party) AS key FROM controls_ledgerevent e
            CROSS JOIN LATERAL jsonb_array_elements_text(
                CASE jsonb_typeof(e.payload -> 'parties') WHEN 'array' THEN e.payload -> 'parties' ELSE '[]' END) named(party)
            WHERE {_done("approvals.submission", ["submission.submitted", "submission.parties_named"])}
            UNION ALL
            SELECT e.id, concat_ws(' ', a.submission_id, who, 'answered') FROM controls_ledgerevent e
            JOIN approvals_approval a ON a.id::text = e.subject_id
            CROSS JOIN LATERAL unnest(ARRAY[e.actor_id, e.for_id]) who
            WHERE {_done("approvals.approval", ["approval.answered"])} AND who <> ''
        ) told JOIN controls_ledgerevent s ON s.subject_type = 'approvals.submission' AND s.outcome = 'done'
            AND s.verb = 'submission.submitted' AND s.subject_id = split_part(told.key, ' ', 1) AND s.payload ? 'parties'
        GROUP BY told.key""",  # noqa: S608
)

RECORDED = (
    Recorded(
        "approvals.decision",
        "Decision",
        "Withdraw its submission and have it decided again; revoke what was granted on it.",
        _votes(
            "approvals_decision r",
            "r.approval_id",
            _VERBS.format(outcome="r.outcome"),
            "approval.approved",
            "approval.rejected",
            "approval.changes_asked",
        ),
    ),
    Recorded(
        "approvals.retraction",
        "Retraction",
        "Withdraw its submission and have it decided again.",
        _votes(
            "approvals_retraction r JOIN approvals_decision d ON d.id = r.decision_id",
            "d.approval_id",
            "'approval.retracted'",
            "approval.retracted",
        ),
    ),
    Recorded(
        "approvals.approval",
        "Approval",
        "Withdraw its submission and have it decided again; revoke what was granted on it.",
        says=(
            Says("its state", _STATE, "r.state", otherwise="waiting"),
            Says(
                "the number of decisions carried over to it",
                "e.payload ->> 'decisions'",
                "(SELECT count(*)::text FROM approvals_carrieddecision c WHERE c.approval_id = r.id)",
                verbs=("approval.carried_over",),
                otherwise="0",
            ),
        ),
    ),
    Recorded(
        "approvals.submission",
        "Submission",
        "Withdraw it, or stop its automation, and submit it again.",
        _made("approvals.submission", "submission.submitted"),
        (
            Says("its state", _STATE, "r.state", otherwise="open"),
            Says(
                "the number of its approvals",
                "e.payload ->> 'records'",
                "(SELECT count(*)::text FROM approvals_approval a WHERE a.submission_id = r.id)",
                verbs=("submission.submitted",),
            ),
        ),
    ),
    Recorded(
        "approvals.party",
        "Party",
        "Have the submission made again; nobody unmakes a party.",
        _PARTIES,
    ),
    Recorded(
        "approvals.conflictsignature",
        "Signature of a conflict",
        "Withdraw its submission and have the conflict signed again.",
        _made("approvals.conflictsignature", "conflict.signed"),
        (
            Says("its signer", "e.actor_id", opaque("r.person_id")),
            Says("what it is of", "e.payload ->> 'combination'", "r.digest"),
        ),
    ),
    Recorded(
        "approvals.grant",
        "Grant",
        "Revoke it, and submit its automation again.",
        _made("approvals.grant", "grant.created", "grant.succeeded"),
        (
            Says("its state", _STATE, "r.state"),
            Says("its end", "e.payload ->> 'ends_at'", instant("r.ends_at")),
            Says("its approval", "e.payload ->> 'approval'", "r.approval_id::text", verbs=("grant.created",)),
        ),
    ),
    Recorded(
        "inventory.automation",
        "Automation",
        "Stop it, and submit it again.",
        _made("inventory.automation", "automation.registered"),
        (
            Says("its state", _STATE, "r.state", otherwise="draft"),
            Says(
                "its approved version",
                "e.payload ->> 'version'",
                "COALESCE((SELECT v.number::text FROM inventory_version v WHERE v.id = r.approved_version_id), '')",
                verbs=("automation.went_live",),
                otherwise="",
            ),
        ),
    ),
    Recorded(
        "controls.roleassignment",
        "Role",
        "End it, and have it proposed again by two admins.",
        _made("controls.roleassignment", "role.given", "role.given_back", "role.bootstrapped"),
        (
            Says("its name", "e.payload ->> 'role'", "r.role"),
            Says("whose it is", "e.payload ->> 'person'", opaque("r.person_id")),
            Says(
                "whether it ended",
                "'ended'",
                "CASE WHEN r.until IS NULL THEN 'running' ELSE 'ended' END",
                verbs=("role.ended",),
                otherwise="running",
            ),
        ),
    ),
    Recorded(
        "controls.delegation",
        "Delegation",
        "Have its giver end it, and check every decision of the taker.",
        _made("controls.delegation", "delegation.set"),
        (
            Says("its giver", "e.actor_id", opaque("r.giver_id"), verbs=("delegation.set",)),
            Says("its taker", "e.about[3]", "'controls.person:' || r.taker_id", verbs=("delegation.set",)),
            Says("its beginning", "e.payload ->> 'from_at'", instant("r.from_at")),
            Says("its last day", "e.payload ->> 'until_at'", instant("r.until_at")),
            Says(
                "whether it ended",
                "'ended'",
                "CASE WHEN r.ended_at IS NULL THEN 'running' ELSE 'ended' END",
                verbs=("delegation.ended",),
                otherwise="running",
            ),
        ),
    ),
    Recorded(
        "controls.clockoffset",
        "Clock offset",
        "In a demo, start it anew; in production, delete the row. What was due at the wrong time is in the ledger.",
        says=(
            Says(
                "its microseconds",
                "e.payload ->> 'microseconds'",
                'trunc(extract(epoch FROM r."offset") * 1000000)::bigint::text',
                otherwise="0",
            ),
        ),
    ),
)
