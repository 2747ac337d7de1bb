"""The smallest automation that asks both stages: Weekly stock report, two privileges and two credentials, standard risk.

Reads ERP Postgres (Omar's) and posts to the Finance Slack workspace (Omar's too), as brought in by Rita for Jonas.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from approvals.models import Approval, Submission
from governance.core.models import Person
from inventory.credentials import transitions as credential_transitions
from inventory.models import Binding, Credential, Resource, Version
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.appointments import leave_fallback, own, record_leaver
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company
from tests.trigger_bypass import given

EXPORT = "weekly-stock-report.json"
STANDARD = "Finance Slack workspace"
CONFIDENTIAL = "ERP Postgres (production)"
#: The connections of the export, by the name of the resource that each opens.
CONNECTIONS = {STANDARD: ("slack", "slkFinance2mB9yT"), CONFIDENTIAL: ("postgres", "pgErpProd01xQ7aZ")}


def source(edit: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """The export, edited in place by a function of the parsed file."""
    export = json.loads((EXPORTS / EXPORT).read_text())
    if edit is not None:
        edit(export)
    return json.dumps(export).encode()


def node(export: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first node of a kind, by the end of its type."""
    return next(node for node in export["nodes"] if node["type"].endswith(kind))


def one_more_channel(export: dict[str, Any]) -> None:
    """An edit: it posts to a second channel, which is a new privilege and nothing else."""
    more = json.loads(json.dumps(node(export, ".slack")))
    more |= {"id": "5d1f0a0e-0000-4000-8000-000000000001", "name": "Post to buyers"}
    more["parameters"]["channelId"] = {"__rl": True, "value": "C07BUYERS", "mode": "list", "cachedResultName": "buyers"}
    export["nodes"].append(more)


def without_slack(export: dict[str, Any]) -> None:
    """An edit: it no longer posts anywhere."""
    export["nodes"] = [node for node in export["nodes"] if not node["type"].endswith(".slack")]


def nothing_but_the_trigger(export: dict[str, Any]) -> None:
    """An edit that the id alone is enough to write."""
    export["nodes"] = [node for node in export["nodes"] if node["type"].endswith("scheduleTrigger")]
    export |= {"connections": {}, "name": "Mine"}


def another_order(export: dict[str, Any]) -> None:
    """An edit of the source that touches no privilege: another threshold."""
    node(export, ".postgres")["parameters"]["options"]["outputColumns"] = ["sku", "name", "on_hand"]


def another_threshold(export: dict[str, Any]) -> None:
    """Another edit like it."""
    node(export, ".postgres")["parameters"]["options"]["outputColumns"] = ["sku", "on_hand"]


def every_tuesday(export: dict[str, Any]) -> None:
    """An edit of the trigger."""
    node(export, ".scheduleTrigger")["parameters"]["rule"]["interval"][0]["triggerAtDay"] = [2]


def started_by_hand(export: dict[str, Any]) -> None:
    """An edit: a person starts it instead of a schedule."""
    trigger = node(export, ".scheduleTrigger")
    trigger |= {"type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "parameters": {}}


def version(c: Company, edit: Callable[[dict[str, Any]], None] | None = None, **fields: Any) -> Version:
    """A version of it, imported; the first makes the automation."""
    return scenarios.brought_in(c, EXPORT, content=source(edit), **fields)


def submitted(c: Company, edit: Callable[[dict[str, Any]], None] | None = None, **fields: Any) -> Submission:
    """Submitted by Rita: stage 1 is open, stage 2 waits."""
    return scenarios.submitted(c, version(c, edit, **fields))


def another(c: Company) -> Submission:
    """Another automation like it, submitted: nothing of it is approved."""
    return submitted(c, lambda export: export.update(id="another"))


def in_stage_2(c: Company, edit: Callable[[dict[str, Any]], None] | None = None, **fields: Any) -> Submission:
    """Submitted, and the app approved by Theo: four records are open."""
    return app_approved(c, submitted(c, edit, **fields))


def app_approved(c: Company, made: Submission) -> Submission:
    """Stage 1 is approved by Theo."""
    scenarios.approve(scenarios.app_of(made), c.people.theo, now=c.now)
    return made


def in_force(c: Company, edit: Callable[[dict[str, Any]], None] | None = None, **fields: Any) -> Submission:
    """Everything approved: live with four grants."""
    return scenarios.decide_all(c, submitted(c, edit, **fields))


def low(c: Company, edit: Callable[[dict[str, Any]], None] | None = None) -> Submission:
    """In stage 2: reading internal data by a credential that opens only that."""
    given(c.erp, data_class="internal")
    made = version(c, edit)
    credential = Credential.objects.get(opens=c.erp)
    codes = [made.privileges.get(credential=credential).entitlement.code]
    credential_transitions.declare_reach(credential, actor=as_actor(c.people.omar), now=c.now, codes=codes)
    return app_approved(c, scenarios.submitted(c, made))


def for_theo_alone(c: Company) -> Submission:
    """Theo leads the team and is the only one left for Slack, which Rita, who submits, deputises for; Bram is deputy lead alone."""
    n = c.people
    hand_over(c, c.slack, n.theo, n.rita)
    leave_fallback(n.fallback, n.bram, now=c.now)
    made = version(c)
    for person in (n.amara, n.sana, n.viktor):
        record_leaver(person, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return scenarios.submitted(c, made)


def privilege_on(submission: Submission, resource: Resource) -> Approval:
    """The first record about a privilege on a resource."""
    approvals = submission.approvals.filter(privilege__entitlement__resource=resource)
    return approvals.order_by("pk")[0]


def credential_for(submission: Submission, resource: Resource) -> Approval:
    """The record about the credential that opens a resource."""
    return submission.approvals.get(credential__opens=resource)


def confirm_connections(c: Company) -> None:
    """Amara, the deputy of both resources, confirms what the connections of the export open."""
    for resource in (c.slack, c.erp):
        connector, instance = CONNECTIONS[resource.name]
        bindings.bind_connection(
            resource, actor=as_actor(c.people.amara), now=c.now, connector=connector, instance=instance
        )


def hand_over(c: Company, resource: Resource, owner: Person, deputy: Person) -> Resource:
    """A resource in use gets another owner and deputy: proposed and countersigned by two admins, accepted by the owner.

    Its owner until then has confirmed its connection, so that the new ones may be parties and lower no tier by their word (I8).
    """
    resource.refresh_from_db()
    if resource.name in CONNECTIONS and resource.owner is not None and resource.owner.is_here:
        connector, instance = CONNECTIONS[resource.name]
        if not Binding.objects.filter(connector=connector, instance_name=instance, confirmed_at__isnull=False).exists():
            bindings.bind_connection(
                resource, actor=as_actor(resource.owner), now=c.now, connector=connector, instance=instance
            )
    return own(resource, owner, deputy, now=c.now)


def decide_rest(c: Company, submission: Submission) -> Submission:
    """Every open stage-2 approval is approved by its candidate."""
    digests = scenarios.ShownDigests(submission)
    for record in submission.approvals.filter(stage=2, state="open").order_by("pk"):
        if not record.decisions.filter(round=record.round, seat__label="owner").exists():
            scenarios.finish(c, record, now=c.now, digests=digests)
    submission.refresh_from_db()
    return submission


def newest(c: Company) -> Submission:
    """The newest submission of the company's automations."""
    return Submission.objects.filter(automation__team=c.people.finance_ops).latest("pk")
