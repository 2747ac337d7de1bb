"""The ways through the product that tests start from, walked by its own operations: resources, imports, submissions, grants.

States are reached as people reach them. `Company` is Northwind with four resources in use and the connections of the
sample exports bound to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from approvals.assignment.context import load_context
from approvals.decisions import digest
from approvals.decisions.transitions import decide, undo
from approvals.duplicates import queries as duplicates
from approvals.models import Approval, ApprovalState, Grant, Submission
from approvals.review.views.decision_form import OWN_FIELDS
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import submit
from governance.core.clock import current_time
from governance.core.models import Person
from inventory.importers.manifest import Manifest, binding_key
from inventory.imports import resolution
from inventory.imports.transitions import confirmation, previews
from inventory.models import Binding, Resource, Version
from inventory.resources.transitions import resources
from tests.people import Northwind, as_actor

EXPORTS = Path(__file__).resolve().parents[1] / "governance" / "demo" / "exports"

#: attribute, name, kind, data class, owner, deputy, team of the owner.
RESOURCES = (
    ("erp", "ERP Postgres (production)", "data_store", "confidential", "omar", "amara", "platform"),
    ("slack", "Finance Slack workspace", "saas_connector", "internal", "omar", "amara", "platform"),
    ("drive", "Supplier Drive", "saas_connector", "confidential", "mei", "amara", "it_ops"),
    ("mail", "Receivables mailbox", "saas_connector", "confidential", "mei", "amara", "it_ops"),
    ("github", "GitHub MCP server", "mcp_server", "internal", "mei", "amara", "it_ops"),
    ("model", "Model gateway", "backend_api", "internal", "omar", "amara", "platform"),
)

#: What the connections of the sample exports open, by words that stand in their name or host.
OPENS = (
    ("erp", "erp"),
    ("slack", "slack"),
    ("drive", "drive"),
    ("mailbox", "mail"),
    ("github", "github"),
    ("model", "model"),
    ("payroll", "model"),
)


@dataclass
class Company:
    """Northwind with resources in use."""

    people: Northwind
    erp: Resource
    slack: Resource
    drive: Resource
    mail: Resource
    github: Resource
    model: Resource

    @property
    def now(self) -> datetime:
        """The instant at which tests of rules play."""
        return self.people.now


def resource(n: Northwind, name: str, kind: str, data_class: str, owner: Person, deputy: Person, team: Any) -> Resource:
    """A resource in use: registered by one admin, accepted by its owner, activated by the other admin."""
    made = resources.register_resource(
        team,
        actor=as_actor(n.ines),
        now=n.now,
        fields={"name": name, "kind": kind, "data_class": data_class},
        owner=owner,
        deputy=deputy,
    )
    resources.accept_ownership(made, actor=as_actor(owner), now=n.now)
    return resources.activate(made, actor=as_actor(n.karl), now=n.now)


def company(n: Northwind) -> Company:
    """Northwind with its resources."""
    made = {
        attribute: resource(n, name, kind, data, getattr(n, owner), getattr(n, deputy), getattr(n, team))
        for attribute, name, kind, data, owner, deputy, team in RESOURCES
    }
    return Company(n, **made)


def brought_in(
    c: Company,
    export: str = "invoice-chaser.json",
    *,
    by: Person | None = None,
    content: bytes | None = None,
    **fields: Any,
) -> Version:
    """A version imported from a sample export, every connection bound to the resource that it opens."""
    n = c.people
    builder = by or n.rita
    data = content if content is not None else (EXPORTS / export).read_bytes()
    item = previews.preview([(export, data)], actor=as_actor(builder), now=n.now).items.get()
    manifest = Manifest.from_dict(item.manifest)
    chosen = {}
    for privilege in manifest.privileges:
        words = f"{privilege.credential.name if privilege.credential else ''} {privilege.instance}".lower()
        opened = next((getattr(c, attribute) for word, attribute in OPENS if word in words), None)
        if opened is not None:
            chosen[resolution.binding_name(binding_key(privilege))] = opened
    given = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Reminds customers of overdue invoices."}
    return confirmation.confirm_import(
        n.finance_ops, actor=as_actor(builder), now=n.now, item=item, fields={**given, **fields}, chosen=chosen
    )


def wishes(version: Version, **more: ItemRequest) -> Mapping[str, ItemRequest]:
    """A justification for everything that a version asks."""
    keys = [privilege.key for privilege in version.privileges.all()]
    keys += [f"credential:{link.credential_id}" for link in version.version_credentials.all()]
    return {key: ItemRequest("It is needed for the reminder.") for key in keys} | more


def submitted(
    c: Company, version: Version | None = None, *, by: Person | None = None, now: datetime | None = None
) -> Submission:
    """A submission of a version, stage 1 open."""
    version = version or brought_in(c)
    return submit.submit(
        version.automation,
        actor=as_actor(by or c.people.rita),
        now=now or c.now,
        version=version,
        wishes=wishes(version),
    )


#: What the facts of one approval are read from, in one query: neither the other approvals nor any seat.
READ_FOR_FACTS = (
    *("submission__policy", "submission__automation", "justification", "decided_on"),
    *("privilege__entitlement__resource", "credential__kept_in", "credential__owner"),
)


def facts_shown(record: Approval, now: datetime) -> dict[str, Any]:
    """The facts that a page shown now would carry, read anew."""
    fresh = Approval.objects.select_related(*READ_FOR_FACTS).get(pk=record.pk)
    return digest.facts_of_approval(fresh, load_context(fresh, now).conflicts)


def shown(record: Approval) -> str:
    """The digest that a page shown now would carry."""
    return digest.digest(facts_shown(record, current_time.now()))


class ShownDigests:
    """The digests of a submission's approvals, read again after somebody has confirmed a connection: only that changes them here."""

    def __init__(self, submission: Submission) -> None:
        self.submission, self.digests = submission, dict[int, str]()
        self.confirmed: list[Any] | None = None

    def of(self, record: Approval) -> str:
        """The digest that a page shown now would carry."""
        confirmed = sorted(Binding.objects.order_by().values_list("pk", "confirmed_by", "confirmed_at"), key=str)
        if confirmed != self.confirmed:
            fresh = Submission.objects.select_related("policy", "automation", "version").get(pk=self.submission.pk)
            context = load_context(fresh, current_time.now())
            facts = {each.pk: digest.facts_of_approval(each, context.conflicts) for each in context.approvals}
            self.digests = {pk: digest.digest(shown_facts) for pk, shown_facts in facts.items()}
            self.confirmed = confirmed
        return self.digests[record.pk]


def decision_form(record: Approval, decision: str = "approve", **fields: Any) -> dict[str, Any]:
    """The form of the review page with one approval selected. The approval's own fields carry its key."""
    values = {"decision": decision, "approval": record.pk, **fields}
    if "shown_digest" not in values:
        values["shown_digest"] = shown(record)
    return {f"{name}-{record.pk}" if name in OWN_FIELDS else name: value for name, value in values.items()}


def approve(
    record: Approval,
    person: Person,
    *,
    now: datetime,
    reason: str = "Fine by me.",
    digests: ShownDigests | None = None,
    **narrowing: Any,
) -> Approval:
    """One person approves one approval as shown. A possible duplicate is answered as another automation, unless given as ``same``."""
    if record.stage == 1 and "same" not in narrowing:
        rows = duplicates.unanswered(record.submission.automation)
        narrowing["same"] = dict.fromkeys(duplicates.ids_answerable_by(rows, as_actor(person), now), False)
    seen = digests.of(record) if digests is not None else shown(record)
    return decide.approve(record, actor=as_actor(person), now=now, reason=reason, shown_digest=seen, **narrowing)


def reject(record: Approval, person: Person, *, now: datetime, reason: str = "No.") -> Approval:
    """One person rejects one approval as shown."""
    return decide.reject(record, actor=as_actor(person), now=now, reason=reason, shown_digest=shown(record))


def retract(record: Approval, person: Person, *, now: datetime, **more: Any) -> Approval:
    """One person takes back the last decision of one approval, or the given decision."""
    last = record.decisions.standing().order_by("pk").last()
    fields = {"decision": last.pk if last is not None else 0, "actor": as_actor(person), **more}
    return undo.retract(record, now=now, **fields)


def app_of(submission: Submission) -> Approval:
    """The stage-1 record."""
    return submission.approvals.get(stage=1)


def decide_app(c: Company, submission: Submission, *, now: datetime | None = None) -> Approval:
    """Stage 1 is approved by Theo, and by Viktor where policy asks for a second approval."""
    app = app_of(submission)
    at = now or c.now
    approve(app, c.people.theo, now=at)
    if app.state != ApprovalState.APPROVED:
        approve(app, c.people.viktor, now=at)
    return app


def decide_all(c: Company, submission: Submission, *, now: datetime | None = None) -> Submission:
    """The first candidates approve everything; the submission ends in force."""
    decide_app(c, submission, now=now)
    return decide_rest(c, submission, now=now)


def decide_rest(c: Company, submission: Submission, *, now: datetime | None = None) -> Submission:
    """The first candidates approve everything open in stage 2; the submission ends in force."""
    digests = ShownDigests(submission)
    for record in submission.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
        finish(c, record, now=now or c.now, digests=digests)
    submission.refresh_from_db()
    return submission


def finish(c: Company, record: Approval, *, now: datetime, digests: ShownDigests | None = None) -> Approval:
    """One stage-2 record is approved in all its seats."""
    on = record.privilege.entitlement.resource if record.privilege else record.credential.decided_on
    approve(record, on.owner, now=now, digests=digests)
    if record.state != ApprovalState.APPROVED:
        approve(record, c.people.sana, now=now, digests=digests)
    return record


def in_force(c: Company, version: Version | None = None, *, now: datetime | None = None) -> Submission:
    """A submission that went all the way."""
    return decide_all(c, submitted(c, version, now=now), now=now)


def grants_of(submission: Submission) -> list[Grant]:
    """What a submission brought into being."""
    return list(Grant.objects.filter(approval__submission=submission).order_by("pk"))
