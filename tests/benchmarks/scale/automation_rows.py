"""The statements that write a block of automations with everything that hangs on them, in the order in which it came about.

Each is about the numbers of one block: a temporary table ``plan`` says for each number what it will be, ``pool_…`` who and what there is
to choose from. Placeholders: ``%(now)s`` the present, ``%(policy)s`` the policy, ``%(text)s`` a text that serves as every reason.
"""

from __future__ import annotations

from approvals.models import (
    Approval,
    Candidate,
    Decision,
    Grant,
    Party,
    Seat,
    Submission,
)
from governance.recertification.models import Item, Question
from inventory.models import (
    Assessment,
    Automation,
    AutomationUserObjectPermission,
    Finding,
    Privilege,
    Trigger,
    Version,
    VersionCredential,
)
from tests.benchmarks.scale import ledger_events
from tests.benchmarks.scale.insert_select import history, insert

#: What becomes of each hundred: how many of them live, suspended, in review, drafts; the rest is retired.
LIVE, SUSPENDED, IN_REVIEW, DRAFT = 78, 3, 2, 12

#: Days of a term, and how near its end a grant's review opens, by tier (G1, R1).
DAYS = "(CASE tier WHEN 'high' THEN 90 WHEN 'standard' THEN 180 ELSE 365 END)"
OPENS = "(CASE g.tier WHEN 'high' THEN 30 WHEN 'standard' THEN 21 ELSE 14 END)"

DIGEST = f"'{'0' * 64}'"
DAY = "interval '1 day'"

#: One row for each number, with the keys of the rows to write.
PLAN = f"""
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH numbers AS (SELECT n, n %% 100 AS turn FROM generate_series(%(first)s::bigint, %(last)s::bigint) n),
facts AS (
    SELECT n, turn,
        (ARRAY['low', 'standard', 'standard', 'high'])[n %% 4 + 1] AS tier,
        (ARRAY['workflow', 'workflow', 'agent', 'script', 'integration', 'pipeline', 'ai_app'])[n %% 7 + 1] AS kind,
        (ARRAY['Invoice', 'Stock', 'Supplier', 'Campaign', 'Payroll', 'Ticket', 'Contract', 'Price'])[n %% 8 + 1] AS verb,
        (ARRAY['reminder', 'report', 'sync', 'check', 'digest', 'export', 'import', 'reply'])[n / 8 %% 8 + 1] AS noun,
        (ARRAY['invoices', 'stock', 'suppliers', 'campaigns', 'payroll', 'tickets', 'contracts', 'prices'])[n * 5 %% 8 + 1] AS about,
        CASE WHEN turn < {LIVE} THEN 'live' WHEN turn < {LIVE + SUSPENDED} THEN 'suspended'
             WHEN turn < {LIVE + SUSPENDED + IN_REVIEW} THEN 'in_review'
             WHEN turn < {LIVE + SUSPENDED + IN_REVIEW + DRAFT} THEN 'draft' ELSE 'retired' END AS state,
        n * 37 %% 101 AS mix, 6 + n %% 8 AS held, 2 + n %% 3 AS reached
    FROM numbers)
SELECT facts.*, {DAYS} AS days,
    nextval('inventory_automation_id_seq') AS automation, nextval('inventory_version_id_seq') AS version,
    nextval('approvals_submission_id_seq') AS submission, nextval('approvals_approval_id_seq') AS app,
    team.id AS team, team.lead_id AS lead,
    CASE WHEN n %% 100 = 0 AND n < 10000 THEN %(business)s ELSE one.id END AS business,
    CASE WHEN n %% 50 = 0 AND n < 5000 THEN %(builder)s ELSE other.id END AS technical,
    -- What is held began so long ago that something between ten days and nearly its whole term is left.
    date_trunc('day', %(now)s::timestamptz) + interval '8 hours' + (10 + mix * ({DAYS} - 12) / 100 - {DAYS}) * {DAY} AS begun,
    %(now)s::timestamptz - (1 + n %% 2) * {DAY} AS asked_lately
FROM facts
JOIN pool_team team ON team.place = n %% (SELECT count(*) FROM pool_team)
JOIN pool_person one ON one.place = n * 7 %% (SELECT count(*) FROM pool_person)
JOIN pool_person other ON other.place = (n * 7 + 3) %% (SELECT count(*) FROM pool_person)
"""

#: One row for each privilege that is asked: which entitlement, of which resource.
ASKED = """
CREATE TEMPORARY TABLE asked ON COMMIT DROP AS
SELECT plan.n, plan.version, p.place, e.id AS entitlement, e.resource_id AS resource, e.level, r.owner_id AS owner,
    e.credential_id AS credential, nextval('inventory_privilege_id_seq') AS privilege,
    nextval('approvals_approval_id_seq') AS approval
FROM plan CROSS JOIN LATERAL generate_series(0, held - 1) p(place)
JOIN pool_entitlement e ON e.place = ((n * 11 + p.place %% reached * 7) %% (SELECT count(*) / 6 FROM pool_entitlement)) * 6 + p.place %% 6
JOIN inventory_resource r ON r.id = e.resource_id
"""

#: One row for each credential that they use.
USED = """
CREATE TEMPORARY TABLE used ON COMMIT DROP AS
SELECT n, version, resource, owner, credential, nextval('approvals_approval_id_seq') AS approval
FROM (SELECT DISTINCT n, version, resource, owner, credential FROM asked) pairs
"""

_SEEN = "plan JOIN inventory_automation row ON row.id = plan.automation"
_THROUGH = "plan.state NOT IN ('draft', 'in_review')"

REGISTER = (
    insert(
        Automation,
        "plan",
        id="automation",
        team_id="team",
        name="format('%%s %%s %%s', verb, noun, lpad(n::text, greatest(4, length(n::text)), '0'))",
        purpose="format('Takes what changed in %%s and tells whoever has to act on it by the next morning.', about)",
        kind="kind",
        platform_instance="'n8n scale'",
        external_id="'scale-' || n",
        business_owner_id="business",
        technical_owner_id="technical",
        escalation_contact="'on-call@northwind.example'",
        tier="tier",
        search="lower(format('%%s %%s %%s takes what changed in %%s n8n scale scale-%%s', verb, noun, lpad(n::text, greatest(4, length(n::text)), '0'), about, n))",
        created_at="begun - 9 * interval '1 day'",
    ),
    insert(
        Version,
        "plan",
        id="version",
        automation_id="automation",
        number="1",
        source_digest="'sha256:scale'",
        manifest_digest="'sha256:' || lpad(to_hex(n), 64, '0')",
        binding_digest="'sha256:scale'",
        manifest="jsonb_build_object('name', format('%%s %%s', verb, noun), 'privileges', to_jsonb(array_fill('…'::text, ARRAY[30])))",
        imported_by_id="technical",
        created_at="begun - 9 * interval '1 day'",
    ),
    ASKED,
    USED,
    insert(
        Privilege,
        "asked JOIN plan USING (n)",
        id="privilege",
        version_id="asked.version",
        entitlement_id="entitlement",
        connector="'n8n-nodes-base.postgres'",
        instance="'db-' || resource",
        target="(ARRAY['public.orders', 'public.items', 'public.people', 'public.visits'])[place %% 4 + 1]",
        scope="ARRAY['public.a', 'public.b']",
        level="level",
        credential_id="credential",
        key="format('%%s-1-%%s', n, place)",
        at="ARRAY['node ' || place]",
        model_controlled="kind IN ('agent', 'ai_app') AND place = 3",
    ),
    insert(VersionCredential, "used", version_id="version", credential_id="credential", at="ARRAY['node 0']"),
    insert(Trigger, "plan", version_id="version", type="'schedule'", detail="'every morning'", authenticated="true"),
    insert(
        Assessment,
        "plan",
        version_id="version",
        importer_version="'n8n/1'",
        at="begun - 9 * interval '1 day'",
        tier="tier",
        reasons="""'["It changes things on internal data."]'::jsonb""",
    ),
    insert(
        Finding,
        "plan JOIN inventory_assessment a ON a.version_id = plan.version",
        assessment_id="a.id",
        code="'shared_credential'",
        severity="'medium'",
        detail="'Used by 2 nodes'",
    ),
)


def _record(kind: str, source: str, **more: str) -> str:
    """A record of a submission, open: decided ones are decided then."""
    return insert(
        Approval,
        source,
        stage="1" if kind == "app" else "2",
        kind=f"'{kind}'",
        submission_id="submission",
        tier="plan.tier",
        reasons="""'["It changes things on internal data."]'::jsonb""",
        term_days="days",
        facts="jsonb_build_object('purpose', about)",
        due_at="at + 5 * interval '1 day'",
        expires_at="at + 15 * interval '1 day'",
        **more,
    )


#: When a submission was made: a week before its grants began, or lately.
_AT = f"CASE WHEN {_THROUGH} THEN begun - 7 * {DAY} ELSE asked_lately END"
_ASKING = f"(SELECT plan.*, {_AT} AS at, {_THROUGH} AS is_through FROM plan WHERE state <> 'draft') plan"
#: Every second app in review is decided, and its stage 2 is open.
_OPEN_NOW = "(is_through OR n %% 2 = 0)"

SUBMIT = (
    insert(
        Submission,
        _ASKING,
        id="submission",
        automation_id="automation",
        version_id="version",
        submitted_by_id="technical",
        submitted_at="at",
        policy_id="%(policy)s",
        tier="tier",
        reasons="""'["It changes things on internal data."]'::jsonb""",
        asked="jsonb_build_object('purpose', about)",
        digest=DIGEST,
    ),
    insert(
        Party,
        f"{_ASKING} CROSS JOIN LATERAL (VALUES (technical, 'submitter'), (business, 'business_owner'),"
        " (technical, 'technical_owner')) who(person, capacity)",
        submission_id="submission",
        person_id="person",
        capacity="capacity",
    ),
    _record("app", _ASKING, id="app", state="'open'", opened_at="at"),
    "UPDATE approvals_submission s SET app_approval_id = plan.app FROM plan WHERE s.id = plan.submission",
    _record(
        "privilege",
        f"{_ASKING} JOIN asked USING (n)",
        id="asked.approval",
        privilege_id="asked.privilege",
        justification_id="%(text)s",
        state=f"CASE WHEN {_OPEN_NOW} THEN 'open' ELSE 'waiting' END",
        opened_at=f"CASE WHEN {_OPEN_NOW} THEN at END",
    ),
    _record(
        "credential",
        f"{_ASKING} JOIN used USING (n)",
        id="used.approval",
        credential_id="used.credential",
        decided_on_id="used.resource",
        justification_id="%(text)s",
        state=f"CASE WHEN {_OPEN_NOW} THEN 'open' ELSE 'waiting' END",
        opened_at=f"CASE WHEN {_OPEN_NOW} THEN at END",
    ),
)

#: Every signature that is asked: the lead or owner, and for high risk a security reviewer in stage 2.
SEATS = """
CREATE TEMPORARY TABLE signature ON COMMIT DROP AS
SELECT nextval('approvals_seat_id_seq') AS seat, nextval('approvals_decision_id_seq') AS decision, need.* FROM (
    SELECT n, 1 AS stage, app AS approval, 'lead' AS label, lead AS person FROM plan WHERE state <> 'draft'
    UNION ALL SELECT n, 2, approval, 'owner', owner FROM asked JOIN plan USING (n) WHERE state <> 'draft'
    UNION ALL SELECT n, 2, approval, 'owner', owner FROM used JOIN plan USING (n) WHERE state <> 'draft'
    UNION ALL SELECT n, 2, approval, 'security', (%(security)s::bigint[])[(n + 1) %% 2 + 1]
        FROM asked JOIN plan USING (n) WHERE state <> 'draft' AND tier = 'high'
    UNION ALL SELECT n, 2, approval, 'security', (%(security)s::bigint[])[(n + 1) %% 2 + 1]
        FROM used JOIN plan USING (n) WHERE state <> 'draft' AND tier = 'high'
) need
"""


def _decide(stage: int, which: str) -> tuple[str, ...]:
    """The signatures of a stage, and their records approved by them."""
    source = f"signature JOIN {_ASKING} USING (n) WHERE stage = {stage} AND {which}"
    return (
        insert(
            Decision,
            source,
            id="decision",
            approval_id="approval",
            seat_id="seat",
            person_id="person",
            round="1",
            outcome="'approve'",
            reason_id="%(text)s",
            shown_digest=DIGEST,
            high="tier = 'high'",
            at=f"at + {stage} * interval '1 day'",
        ),
        "UPDATE approvals_approval a SET state = 'approved', ended_at = decided.at FROM (SELECT DISTINCT approval,"
        f" at + {stage} * interval '1 day' AS at FROM {source}) decided WHERE a.id = decided.approval",
    )


SIGN = (
    SEATS,
    insert(Seat, "signature", id="seat", approval_id="approval", label="label"),
    insert(
        Candidate,
        f"signature JOIN {_ASKING} USING (n)",
        seat_id="seat",
        person_id="person",
        order="0",
        basis="label",
        at="at",
    ),
    insert(
        AutomationUserObjectPermission,
        "(SELECT DISTINCT automation, person FROM signature JOIN plan USING (n)) pairs",
        permission_id="%(permission)s",
        user_id="person",
        content_object_id="automation",
    ),
    *_decide(1, _OPEN_NOW),
    *_decide(2, "is_through"),
    f"UPDATE approvals_submission s SET state = 'decided', decided_at = begun FROM plan WHERE s.id = plan.submission AND {_THROUGH}",
    f"UPDATE approvals_submission s SET state = 'in_force', ended_at = begun FROM plan WHERE s.id = plan.submission AND {_THROUGH}",
)


def _grant(kind: str, source: str, **more: str) -> str:
    retired = "plan.state = 'retired'"
    return insert(
        Grant,
        f"{source} JOIN plan USING (n) WHERE {_THROUGH}",
        kind=f"'{kind}'",
        automation_id="automation",
        credential_id="credential",
        tier="tier",
        app_approval_id="app",
        approval_id="approval",
        begins_at="begun",
        ends_at="begun + days * interval '1 day'",
        review_on="(begun + days * interval '1 day')::date",
        state=f"CASE WHEN {retired} THEN 'ended' ELSE 'active' END",
        ended_at=f"CASE WHEN {retired} THEN %(now)s::timestamptz - interval '1 hour' END",
        ended_why=f"CASE WHEN {retired} THEN 'retired' ELSE '' END",
        **more,
    )


HOLD = (
    _grant(
        "privilege",
        "asked",
        entitlement_id="entitlement",
        key="format('%%s-1-%%s', n, place)",
        target="(ARRAY['public.orders', 'public.items', 'public.people', 'public.visits'])[place %% 4 + 1]",
        scope="ARRAY['public.a', 'public.b']",
        level="CASE WHEN asked.level = 'unknown' THEN 'write' ELSE asked.level END",
        sentence="(SELECT e.words || ': public.a and public.b, in ' || r.name FROM inventory_entitlement e"
        " JOIN inventory_resource r ON r.id = e.resource_id WHERE e.id = entitlement)",
        # In production, chosen by nobody's model, to be read (`approvals.conflicts.held_access.WAYS`).
        held_as="(array_position(ARRAY['read', 'unknown', 'write', 'execute', 'admin'], asked.level::text) - 1) * 12 + 2",
    ),
    _grant(
        "credential",
        "used",
        held_as="0",
        entitlement_id="NULL::bigint",
        key="'credential:' || credential",
        level="'execute'",
        sentence="'Use the credential ' || credential",
    ),
    # Each alone: so many made-up automations that share a few credentials would be one chain.
    """INSERT INTO inventory_chainmember (automation_id, chain) SELECT automation, automation FROM plan
        WHERE plan.state IN ('live', 'suspended')""",
    f"""UPDATE inventory_automation a SET state = plan.state, approved_version_id = CASE WHEN {_THROUGH} THEN plan.version END,
        suspended_at = CASE WHEN plan.state = 'suspended' THEN %(now)s::timestamptz - 3 * {DAY} END,
        review_on = CASE WHEN {_THROUGH} THEN (%(now)s::timestamptz)::date + 40 + (plan.n %% 40)::int END
        FROM plan WHERE a.id = plan.automation""",
)

#: Whatever ends soon enough is under review: the automation's owner and the resource's are asked.
REVIEW = (
    insert(
        Item,
        "plan JOIN approvals_grant g ON g.automation_id = plan.automation JOIN pool_campaign c ON c.tier = g.tier"
        f" WHERE g.state = 'active' AND g.ends_at <= %(now)s::timestamptz + {OPENS} * {DAY}",
        campaign_id="c.id",
        grant_id="g.id",
        reason="'review date'",
        opened_at=f"g.ends_at - {OPENS} * {DAY}",
        deadline=f"g.ends_at - 8 * {DAY}",
        grace_until="g.ends_at - interval '1 hour'",
    ),
    insert(
        Question,
        "plan JOIN approvals_grant g ON g.automation_id = plan.automation JOIN recertification_item i ON i.grant_id = g.id"
        " LEFT JOIN inventory_entitlement e ON e.id = g.entitlement_id LEFT JOIN inventory_credential k ON k.id = g.credential_id"
        " JOIN inventory_resource r ON r.id = COALESCE(e.resource_id, k.opens_id)"
        " CROSS JOIN LATERAL (VALUES ('needed', plan.business), ('acceptable', r.owner_id)) q(asks, reviewer)"
        " WHERE q.asks = 'needed' OR g.tier <> 'low'",
        item_id="i.id",
        asks="q.asks",
        reviewer_id="q.reviewer",
        asked_at="i.opened_at",
        remind_at="i.deadline - interval '1 hour'",
    ),
)

WHY = "'automation.registered'"
REMEMBER = (
    history(Automation, _SEEN, at="begun - 9 * interval '1 day'", by="technical", why=WHY),
    history(Automation, f"{_SEEN} WHERE {_THROUGH}", at="begun", by="lead", why="'automation.went_live'", kind="~"),
    history(
        Submission,
        "plan JOIN approvals_submission row ON row.id = plan.submission",
        at="row.submitted_at",
        by="technical",
        why="'submission.submitted'",
    ),
    history(
        Grant,
        "plan JOIN approvals_grant row ON row.automation_id = plan.automation",
        at="begun",
        by="lead",
        why="'grant.created'",
    ),
)

#: All of it, in order.
BLOCK = (
    PLAN,
    *REGISTER,
    *SUBMIT,
    *SIGN,
    *HOLD,
    *REVIEW,
    *REMEMBER,
    *ledger_events.record(_ASKING, _THROUGH, _OPEN_NOW),
)
