"""An estate to measure on: people, teams, resources, and automations with everything that hangs on them.

Rows are written many at once, past the engine and its history, but not past the database: every trigger and constraint of the
product holds for them, so each decision was open to who took it and each grant rests on two approvals. Nothing is random: the
number of a row decides what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection

from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    Decision,
    Grant,
    Party,
    PolicyVersion,
    Seat,
    Submission,
    SubmissionState,
)
from governance.controls import ledger, texts
from governance.controls.models import LedgerEvent, Membership, Person, Team
from governance.recertification.models import Campaign, Item, Question
from inventory.models import (
    Assessment,
    Automation,
    AutomationUserObjectPermission,
    Credential,
    Entitlement,
    Finding,
    Privilege,
    Resource,
    Trigger,
    Version,
)
from tests.people import Northwind, as_actor

BATCH = 500
PEOPLE, TEAMS, RESOURCES, HELD_ON_EACH = 240, 24, 60, 6
KINDS = ("workflow", "workflow", "agent", "script", "integration", "pipeline", "ai_app")
CLASSES = ("internal", "public", "internal", "confidential", "internal", "restricted")
LEVELS = ("read", "read", "write", "read", "execute", "read")
VERBS = ("invoice", "stock", "supplier", "campaign", "payroll", "ticket", "contract", "price")
NOUNS = ("reminder", "report", "sync", "check", "digest", "export", "import", "reply")
DAYS = {"low": 365, "standard": 180, "high": 90}
#: Per twenty automations: what state each is in.
STATES = (*["live"] * 13, "suspended", *["in_review"] * 3, *["draft"] * 2, "retired")
#: Decisions of an estate carry no page's digest.
DIGEST = "0" * 64


@dataclass
class Estate:
    """What was built, for those that build on it."""

    northwind: Northwind
    policy: PolicyVersion
    people: list[Person] = field(default_factory=list)
    leads: list[Person] = field(default_factory=list)
    owners: list[Person] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    entitlements: list[Entitlement] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)


def build(northwind: Northwind, automations: int) -> Estate:
    """Fill the database with so many automations, their versions, approvals, grants, reviews and ledger."""
    estate = Estate(northwind, PolicyVersion.objects.get())
    _people(estate)
    _resources(estate)
    campaign = Campaign.objects.create(
        name="Standard, bench",
        tier="standard",
        kind="adhoc",
        snapshot_at=northwind.now,
        deadline=northwind.now + timedelta(days=14),
        grace_until=northwind.now + timedelta(days=21),
    )
    for first in range(0, automations, BATCH):
        numbers = range(first, min(first + BATCH, automations))
        rows = _automations(estate, numbers)
        versions = _versions(estate, rows)
        submissions = _submissions(estate, versions)
        _stage_1(estate, submissions)
        records = _stage_2(estate, submissions)
        grants = _grants(estate, records)
        _reviews(estate, campaign, grants)
        _events(estate, submissions, records)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return estate


def _people(estate: Estate) -> None:
    """People in teams under the company's, with leads who own no resource, and owners who lead no team."""
    n = estate.northwind
    made = [
        Person(name=f"Person {number:03}", email=f"p{number}@northwind.example", subject=f"p{number}", password="!")
        for number in range(PEOPLE)
    ]
    people = Person.objects.bulk_create(made)
    estate.leads, estate.owners, estate.people = people[:TEAMS], people[TEAMS : TEAMS + 36], people[TEAMS + 36 :]
    above = (n.engineering, n.operations, n.business)
    teams = Team.objects.bulk_create(
        Team(name=f"Team {number:02}", parent=above[number % 3], lead=lead) for number, lead in enumerate(estate.leads)
    )
    estate.teams = [n.finance_ops, *teams]
    Membership.objects.bulk_create(
        Membership(team=teams[number % TEAMS], person=person) for number, person in enumerate(estate.people)
    )


def _resources(estate: Estate) -> None:
    """Resources in use, with owner, deputy and team; Omar of the cast owns some of them."""
    n, owners = estate.northwind, estate.owners
    kinds = ("data_store", "mcp_server", "saas_connector", "backend_api", "secret_store")
    made = [
        Resource(
            kind=kinds[number % len(kinds)],
            name=f"{VERBS[number % 8].capitalize()} {kinds[number % len(kinds)].replace('_', ' ')} {number:02}",
            team=estate.teams[number % len(estate.teams)],
            owner=n.omar if number % 20 == 0 else owners[number % len(owners)],
            deputy=n.amara if number % 20 == 0 else owners[(number + 1) % len(owners)],
            accepted_at=n.now,
            data_class=CLASSES[number % len(CLASSES)],
            state="active",
            created_at=n.now,
            search=f"resource {number:02}",
        )
        for number in range(RESOURCES)
    ]
    estate.resources = Resource.objects.bulk_create(made)
    estate.entitlements = Entitlement.objects.bulk_create(
        Entitlement(
            resource=resource,
            code=f"{VERBS[place]}:{LEVELS[place]}",
            words=f"May {LEVELS[place]} {VERBS[place]} records",
            level=LEVELS[place],
            scope_kind="tables",
        )
        for resource in estate.resources
        for place in range(HELD_ON_EACH)
    )
    estate.credentials = Credential.objects.bulk_create(
        Credential(
            kind="postgres",
            name=f"Key of {resource.name}",
            platform_instance="n8n bench",
            external_id=f"bench-{resource.pk}",
            opens=resource,
            lifetime="static",
        )
        for resource in estate.resources
    )


def _automations(estate: Estate, numbers: Sequence[int]) -> list[Automation]:
    n, people = estate.northwind, estate.people

    def one(number: int) -> Automation:
        name = f"{VERBS[number % 8].capitalize()} {NOUNS[number // 8 % 8]} {number:04}"
        purpose = (
            f"Takes what changed in {VERBS[number * 5 % 8]} and tells whoever has to act on it by the next morning."
        )
        business, technical = people[number * 7 % len(people)], people[(number * 7 + 3) % len(people)]
        return Automation(
            team=estate.teams[number % len(estate.teams)],
            name=name,
            purpose=purpose,
            kind=KINDS[number % len(KINDS)],
            platform_instance="n8n bench",
            external_id=f"bench-{number}",
            business_owner=n.jonas if number % 100 == 0 else business,
            technical_owner=n.rita if number % 50 == 0 else technical,
            escalation_contact="on-call@northwind.example",
            tier=_tier(number),
            search=f"{name} {purpose} n8n bench bench-{number}".lower(),
            created_at=n.now - timedelta(days=number % 300),
        )

    return Automation.objects.bulk_create(one(number) for number in numbers)


def _tier(number: int) -> str:
    return ("low", "standard", "standard", "high")[number % 4]


def _number(automation: Automation) -> int:
    return int(automation.external_id.removeprefix("bench-"))


def _versions(estate: Estate, rows: Sequence[Automation]) -> list[Version]:
    """One to three versions of each, with privileges, a trigger, an assessment and findings; returns the newest of each."""
    now = estate.northwind.now
    made = Version.objects.bulk_create(
        Version(
            automation=row,
            number=step + 1,
            source_digest="sha256:bench",
            manifest_digest=f"sha256:{_number(row):08x}{step:056x}",
            binding_digest="sha256:bench",
            manifest={"name": row.name, "privileges": ["…"] * 40},
            imported_by=row.technical_owner,
            created_at=row.created_at,
        )
        for row in rows
        for step in range(1 + _number(row) % 3)
    )
    Privilege.objects.bulk_create(
        (
            _privilege(estate, version, place)
            for version in made
            for place in range(2 + _number(version.automation) % 5)
        ),
        batch_size=2000,
    )
    Trigger.objects.bulk_create(
        Trigger(version=version, type="schedule", detail="every morning", authenticated=True) for version in made
    )
    found = Assessment.objects.bulk_create(
        Assessment(version=version, importer_version="n8n/1", at=now, tier=version.automation.tier) for version in made
    )
    Finding.objects.bulk_create(
        Finding(assessment=one, code="shared_credential", severity="medium", detail="Used by 2 nodes") for one in found
    )
    newest = {version.automation_id: version for version in made}
    return list(newest.values())


def _privilege(estate: Estate, version: Version, place: int) -> Privilege:
    number = _number(version.automation)
    entitlement = estate.entitlements[(number * 11 + place * 17) % len(estate.entitlements)]
    at = estate.resources.index(entitlement.resource)
    return Privilege(
        version=version,
        entitlement=entitlement,
        connector="n8n-nodes-base.postgres",
        instance=f"db-{at}",
        target=f"public.{NOUNS[place]}",
        scope=["public.a", "public.b"],
        level=entitlement.level,
        credential=estate.credentials[at],
        key=f"{number}-{version.number}-{place}",
        at=[f"node {place}"],
        model_controlled=place == 3,
    )


def _submissions(estate: Estate, versions: Iterable[Version]) -> list[Submission]:
    """A submission of the newest version of everything that is no draft, with its parties and its app record."""
    asked = [version for version in versions if STATES[_number(version.automation) % 20] != "draft"]
    submissions = Submission.objects.bulk_create(
        Submission(
            automation=version.automation,
            version=version,
            submitted_by=version.automation.technical_owner,
            submitted_at=version.created_at,
            policy=estate.policy,
            tier=version.automation.tier,
            reasons=["It changes things on internal data."],
            asked={"purpose": version.automation.purpose},
            digest=DIGEST,
        )
        for version in asked
    )
    Party.objects.bulk_create(
        Party(submission=one, person=person, capacity=capacity)
        for one in submissions
        for person, capacity in (
            (one.submitted_by, "submitter"),
            (one.automation.business_owner, "business_owner"),
            (one.automation.technical_owner, "technical_owner"),
        )
    )
    apps = Approval.objects.bulk_create(_record(one, "app", state=ApprovalState.OPEN) for one in submissions)
    for one, app in zip(submissions, apps, strict=True):
        one.app_approval = app
    Submission.objects.bulk_update(submissions, ["app_approval"])
    return submissions


def _record(one: Submission, kind: str, *, state: str, **more: Any) -> Approval:
    return Approval(
        submission=one,
        stage=1 if kind == "app" else 2,
        kind=kind,
        tier=one.tier,
        reasons=["It changes things on internal data."],
        state=state,
        term_days=DAYS[one.tier],
        facts={"purpose": one.automation.purpose},
        opened_at=one.submitted_at,
        due_at=one.submitted_at + timedelta(days=5),
        **more,
    )


def _is_decided(one: Submission) -> bool:
    return STATES[_number(one.automation) % 20] != "in_review"


def _stage_1(estate: Estate, submissions: Sequence[Submission]) -> None:
    """The lead of each team, and security for high, decide the app; of what is in review a third is left open."""
    security = (estate.northwind.sana, estate.northwind.viktor)
    asked = [(one.app_approval, one.automation.team.lead, one) for one in submissions]
    seats = _seats(asked, "lead")
    high = [(app, security[one.pk % 2], one) for app, _, one in asked if one.tier == "high"]
    seats += _seats(high, "security")
    decided = [seat for seat in seats if _is_decided(seat[2]) or seat[2].pk % 3]
    _decide(decided, "A mailing of no risk.")
    _approved({one.app_approval_id for one in submissions if _is_decided(one) or one.pk % 3})


def _seats(
    asked: Sequence[tuple[Approval | None, Person | None, Submission]], label: str
) -> list[tuple[Seat, Person, Submission]]:
    """One seat with its one candidate for each record, whom guardian lets see the automation."""
    rows = [(record, person, one) for record, person, one in asked if record is not None and person is not None]
    seats = Seat.objects.bulk_create(Seat(approval=record, label=label) for record, _, _ in rows)
    filled = [(seat, person, one) for seat, (_, person, one) in zip(seats, rows, strict=True)]
    Candidate.objects.bulk_create(Candidate(seat=seat, person=who, order=0, basis=label) for seat, who, _ in filled)
    see = Permission.objects.get(codename="view_automation")
    AutomationUserObjectPermission.objects.bulk_create(
        (
            AutomationUserObjectPermission(user=who, permission=see, content_object=one.automation)
            for _, who, one in filled
        ),
        ignore_conflicts=True,
    )
    return filled


def _decide(seats: Sequence[tuple[Seat, Person, Submission]], why: str) -> None:
    reason = texts.keep(why)
    Decision.objects.bulk_create(
        Decision(
            approval=seat.approval,
            seat=seat,
            person=person,
            round=1,
            outcome="approve",
            reason=reason,
            shown_digest=DIGEST,
            high=one.tier == "high",
            at=one.submitted_at + timedelta(days=1),
        )
        for seat, person, one in seats
    )


def _approved(records: Iterable[int | None]) -> None:
    Approval.objects.filter(pk__in=[pk for pk in records if pk is not None]).update(state=ApprovalState.APPROVED)


def _stage_2(estate: Estate, submissions: Sequence[Submission]) -> list[Approval]:
    """A record for each privilege, decided by its resource's owner where the submission is through; returns those approved."""
    open_apps = set(Approval.objects.filter(stage=1, state=ApprovalState.OPEN).values_list("submission", flat=True))
    by_version = {one.version_id: one for one in submissions}
    privileges = Privilege.objects.filter(version__in=by_version).select_related("entitlement__resource__owner")
    why = texts.keep("The people who act on it look there first.")
    made = [
        _record(
            by_version[privilege.version_id],
            "privilege",
            state=ApprovalState.WAITING if by_version[privilege.version_id].pk in open_apps else ApprovalState.OPEN,
            privilege=privilege,
            justification=why,
        )
        for privilege in privileges.order_by("pk")
    ]
    records = Approval.objects.bulk_create(made, batch_size=2000)
    owned = [(one, one.privilege.entitlement.resource.owner, one.submission) for one in records if one.privilege]
    seats = _seats(owned, "owner")
    security = (estate.northwind.viktor, estate.northwind.sana)  # the other one than in stage 1
    high = [(record, security[one.pk % 2], one) for record, _, one in owned if one.tier == "high"]
    seats += _seats(high, "security")
    through = [seat for seat in seats if _is_decided(seat[2])]
    _decide(through, "Reads what it needs and no more.")
    approved = [record for record in records if _is_decided(record.submission)]
    _approved(record.pk for record in approved)
    return approved


def _grants(estate: Estate, records: Sequence[Approval]) -> list[Grant]:
    """The grants of what was approved, and the automations that hold them in their state."""
    now = estate.northwind.now
    whole = {record.submission_id: record.submission for record in records}.values()
    Submission.objects.filter(pk__in=[one.pk for one in whole]).update(state=SubmissionState.DECIDED)
    for one in whole:
        one.state, one.ended_at = SubmissionState.IN_FORCE, now - timedelta(days=one.pk % (DAYS[one.tier] - 5))
    Submission.objects.bulk_update(whole, ["state", "ended_at"])
    grants = Grant.objects.bulk_create(_grant(record, now) for record in records if record.privilege is not None)
    for one in whole:
        one.automation.approved_version = one.version
        one.automation.state = STATES[_number(one.automation) % 20]
    rows = [one.automation for one in whole]
    Automation.objects.bulk_update(rows, ["approved_version", "state"])
    return grants


def _grant(record: Approval, now: Any) -> Grant:
    privilege, one = record.privilege, record.submission
    assert privilege is not None
    begins = one.ended_at
    assert begins is not None
    retired = STATES[_number(one.automation) % 20] == "retired"
    return Grant(
        automation=one.automation,
        entitlement=privilege.entitlement,
        credential=privilege.credential,
        key=privilege.key,
        target=privilege.target,
        scope=privilege.scope,
        level=privilege.level,
        tier=record.tier,
        app_approval=one.app_approval,
        approval=record,
        begins_at=begins,
        ends_at=begins + timedelta(days=DAYS[record.tier]),
        state="ended" if retired else "active",
        ended_at=now if retired else None,
        ended_why="retired" if retired else "",
    )


def _reviews(estate: Estate, campaign: Campaign, grants: Sequence[Grant]) -> None:
    """One grant in eight is under review: its automation's owner and its resource's are asked."""
    now = estate.northwind.now
    items = Item.objects.bulk_create(
        Item(
            campaign=campaign,
            grant=grant,
            reason="scheduled",
            opened_at=now - timedelta(days=7),
            deadline=now + timedelta(days=14),
            grace_until=now + timedelta(days=21),
        )
        for grant in grants
        if grant.pk % 8 == 0 and grant.state == "active"
    )
    Question.objects.bulk_create(_questions(items, now))


def _questions(items: Iterable[Item], now: Any) -> Iterator[Question]:
    for item in items:
        grant = item.grant
        assert grant is not None
        assert grant.entitlement is not None
        yield Question(item=item, asks="needed", reviewer=grant.automation.business_owner, asked_at=now)
        owner = grant.entitlement.resource.owner
        if owner is not None:
            yield Question(item=item, asks="acceptable", reviewer=owner, asked_at=now)


def _events(estate: Estate, submissions: Sequence[Submission], records: Sequence[Approval]) -> None:
    """The ledger of it: each submission, and each approval by whoever took it."""
    now = estate.northwind.now
    said: dict[int, tuple[str, ...]] = {one.pk: tuple(ledger.about(one, one.automation)) for one in submissions}
    events = [
        ledger.build(
            actor=as_actor(one.submitted_by), verb="submission.submitted", subject=one, now=now, about_rows=said[one.pk]
        )
        for one in submissions
    ]
    events += [
        ledger.build(
            actor=as_actor(record.privilege.entitlement.resource.owner or estate.northwind.omar),
            verb="approval.approved",
            subject=record,
            now=now,
            about_rows=said[record.submission_id],
        )
        for record in records
        if record.privilege is not None
    ]
    LedgerEvent.objects.bulk_create(events, batch_size=2000)
