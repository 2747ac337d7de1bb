"""What asking for a ledger event at the commit costs: the database's CPU for writing rows with their events, with those triggers and without (H1).

Written is by the fewest statements that the other triggers let through, so that nothing hides what these cost. All of it is undone.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction

from approvals.models import Approval, Candidate, Decision, Grant, Seat, Submission
from governance.core.clock import current_time
from governance.core.models import LedgerEvent
from inventory.models import Automation, Privilege, Version
from tests.benchmarks.scale.insert_select import insert
from tests.recertification.grant_rows import asked_anew

ROWS, ROUNDS = 10_000, 3

#: The table of each kind, and its triggers.
GUARDED = {
    "decisions": (Decision, ("decision_on_record",)),
    "ended approvals": (Approval, ("inserted_on_record", "state_on_record")),
    "grants": (Grant, ("inserted_on_record", "state_on_record")),
    "live automations": (Automation, ("inserted_on_record", "state_on_record")),
}


def ratios(cpu: Callable[[], float]) -> Iterator[tuple[str, float]]:
    """Of each kind: how many times as much writing `ROWS` of them takes with its trigger; the median of some rounds in turn.

    Args:
        cpu: milliseconds that the database has spent for this connection; what else the machine does is not in them.
    """
    spent: dict[str, list[float]] = {kind: [] for kind in GUARDED}
    for _ in range(ROUNDS):
        without, with_triggers = _spent(cpu, guarded=False), _spent(cpu, guarded=True)
        for kind, milliseconds in with_triggers.items():
            spent[kind].append(milliseconds / without[kind])
    for kind, values in spent.items():
        yield kind, statistics.median(values)


def _spent(cpu: Callable[[], float], *, guarded: bool) -> dict[str, float]:
    with transaction.atomic():
        if not guarded:
            for kind, (_, triggers) in GUARDED.items():
                for trigger in triggers:
                    _run(f"ALTER TABLE {_table(kind)} DISABLE TRIGGER {trigger}")
        times = _Writing(cpu, guarded=guarded).write()
        transaction.set_rollback(True)
    return times


def _table(kind: str) -> str:
    return GUARDED[kind][0]._meta.db_table


def _run(statement: str, *given: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, given or None)


class _Writing:
    """Everything that one round writes, beside a submission of the estate that is in force."""

    def __init__(self, cpu: Callable[[], float], *, guarded: bool) -> None:
        self.cpu, self.guarded = cpu, guarded
        self.model = Submission.objects.filter(state="in_force", app_approval__isnull=False, tier="low").order_by("pk")[
            0
        ]
        self.at: datetime = current_time.now()
        self.spent: dict[str, float] = {}

    def write(self) -> dict[str, float]:
        """Milliseconds by kind."""
        self._ask()
        votes = insert(
            Decision,
            "bench_asked",
            approval_id="approval",
            seat_id="seat",
            person_id=str(self.owner),
            round="1",
            outcome="'approve'",
            shown_digest="''",
            at="now()",
        )
        events = self._events("approval.approved", "approvals.approval", "approval", "approved", "bench_asked")
        self._measure("decisions", votes, events)
        approve = "UPDATE approvals_approval a SET state = 'approved', ended_at = now() FROM bench_asked b WHERE a.id = b.approval"
        self._measure("ended approvals", approve, events)
        for state in ("decided", "in_force"):
            _run("UPDATE approvals_submission SET state = %s, ended_at = %s WHERE id = %s", state, self.at, self.asked)
        self._measure(
            "grants",
            self._grants(),
            self._events("grant.created", "approvals.grant", "grant_id", "active", "bench_asked"),
        )
        self._register()
        self._measure(
            "live automations",
            "UPDATE inventory_automation a SET state = 'live', approved_version_id = version FROM bench_made m WHERE a.id = m.automation",
            self._events("automation.went_live", "inventory.automation", "automation", "live", "bench_made"),
        )
        return self.spent

    def _measure(self, kind: str, *statements: str) -> None:
        began = self.cpu()
        for statement in statements:
            _run(statement)
        if self.guarded:
            for when in ("IMMEDIATE", "DEFERRED"):  # as the commit does; triggers of other tables have the same names
                _run(f"SET CONSTRAINTS {', '.join(GUARDED[kind][1])} {when}")
        self.spent[kind] = self.cpu() - began

    def _events(self, verb: str, model: str, subject: str, to: str, source: str) -> str:
        return insert(
            LedgerEvent,
            source,
            event_id="gen_random_uuid()",
            xid="pg_current_xact_id()",
            at="now()",
            actor_kind="'person'",
            actor_id=f"(SELECT opaque_id::text FROM controls_person WHERE id = {self.owner})",
            verb=f"'{verb}'",
            subject_type=f"'{model}'",
            subject_id=f"{subject}::text",
            about=f"ARRAY['{model}:' || {subject}]",
            correlation="gen_random_uuid()",
            payload=f"""'{{"to": "{to}"}}'::jsonb""",
            digest="repeat('0', 64)",
        )

    def _ask(self) -> None:
        """So many open approvals in one submission more of the same version, with their owner asked."""
        privilege = self.model.version.privileges.select_related("entitlement__resource").order_by("pk")[0]
        resource = privilege.entitlement.resource
        assert resource.owner_id is not None
        self.owner, self.privilege = resource.owner_id, privilege
        self.asked = asked_anew(self.model, self.at).pk
        _run(
            "CREATE TEMPORARY TABLE bench_asked ON COMMIT DROP AS SELECT n, nextval('inventory_privilege_id_seq') AS privilege,"
            " nextval('approvals_approval_id_seq') AS approval, nextval('approvals_seat_id_seq') AS seat,"
            f" nextval('approvals_grant_id_seq') AS grant_id FROM generate_series(1, {ROWS}) n"
        )
        copied = [field.column for field in Privilege._meta.concrete_fields if field.column not in ("id", "key")]
        names = ", ".join(f'"{name}"' for name in copied)
        _run(
            f"INSERT INTO inventory_privilege (id, key, {names}) SELECT b.privilege, 'bench-' || b.n, {names}"
            f" FROM inventory_privilege p CROSS JOIN bench_asked b WHERE p.id = {privilege.pk}"
        )
        _run(
            insert(
                Approval,
                "bench_asked",
                id="approval",
                submission_id=str(self.asked),
                stage="2",
                kind="'privilege'",
                privilege_id="privilege",
                tier="'low'",
                term_days="180",
                state="'open'",
            )
        )
        _run(insert(Seat, "bench_asked", id="seat", approval_id="approval", label="'owner'"))
        _run(
            insert(
                Candidate,
                "bench_asked",
                seat_id="seat",
                person_id=str(self.owner),
                order="0",
                basis="'owner'",
                at="now()",
            )
        )
        _run("ANALYZE bench_asked, approvals_approval, approvals_seat, approvals_candidate, inventory_privilege")

    def _grants(self) -> str:
        privilege = self.privilege
        at, until = (f"'{moment.isoformat()}'::timestamptz" for moment in (self.at, self.at + timedelta(days=90)))
        return insert(
            Grant,
            f"bench_asked CROSS JOIN inventory_privilege p WHERE p.id = {privilege.pk}",
            id="grant_id",
            automation_id=str(self.model.automation_id),
            kind="'privilege'",
            entitlement_id="p.entitlement_id",
            credential_id="p.credential_id",
            key="'bench-' || n",
            target="p.target",
            scope="p.scope",
            level=f"'{privilege.counted_level}'",
            tier="'low'",
            app_approval_id=str(self.model.app_approval_id),
            approval_id="approval",
            begins_at=at,
            ends_at=until,
            review_on=f"({until})::date",
        )

    def _register(self) -> None:
        """So many drafts, with a version each."""
        _run(
            "CREATE TEMPORARY TABLE bench_made ON COMMIT DROP AS SELECT n, nextval('inventory_automation_id_seq') AS automation,"
            f" nextval('inventory_version_id_seq') AS version FROM generate_series(1, {ROWS}) n"
        )
        _run(
            insert(
                Automation,
                f"bench_made CROSS JOIN inventory_automation m WHERE m.id = {self.model.automation_id}",
                id="automation",
                team_id="m.team_id",
                name="'Bench ' || n",
                platform_instance="'bench'",
                external_id="'bench-' || n",
                business_owner_id="m.business_owner_id",
                created_at="now()",
            )
        )
        _run(
            insert(
                Version,
                "bench_made",
                id="version",
                automation_id="automation",
                number="1",
                source_digest="'bench'",
                manifest_digest="'bench'",
                binding_digest="'bench'",
                manifest="'{}'::jsonb",
                imported_by_id=str(self.owner),
                created_at="now()",
            )
        )
        _run("ANALYZE bench_made, inventory_automation")
