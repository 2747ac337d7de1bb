"""Automations that are joined: stock reports on tables of one database, by one credential or by their own, and what is described by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from approvals.models import Submission
from governance.core.models import Person, Team
from inventory.importers.manifest import Identity, Manifest, Trigger
from inventory.imports import manual_description
from inventory.models import Automation, Entitlement, Resource, Version
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import Edit
from tests.manual_descriptions import registered
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

#: Resource, level, target; the code where it is another than what such a level is called by.
Held = tuple[Resource, str, str] | tuple[Resource, str, str, str]


def report(word: str, table: str, operation: str = "select") -> Edit:
    """An edit: another automation that does something else to another table, by the same credential."""

    def edit(export: dict[str, Any]) -> None:
        export["id"] = word
        export["name"] = f"Report {word}"
        parameters = stock_report.node(export, ".postgres")["parameters"]
        parameters["operation"] = operation
        parameters["table"] = {"__rl": True, "value": table, "mode": "name"}

    return edit


def report_in_force(c: Company, edit: Edit) -> Automation:
    """Everything of such a report is approved by people; nobody has said what its credential opens."""
    given(c.erp, data_class="internal")
    version = scenarios.brought_in(c, stock_report.EXPORT, content=low_risk_report.content(edit))
    return scenarios.decide_all(c, scenarios.submitted(c, version)).automation


def described(
    c: Company,
    name: str,
    *holds: Held,
    team: Team | None = None,
    by: Person | None = None,
    owner: Person | None = None,
    technical: Person | None = None,
    **more: Any,
) -> Version:
    """A version of n8n described by hand, by default of Rita's team; ``more``: see `description`."""
    n = c.people
    fields = {
        "business_owner": owner or n.jonas,
        "technical_owner": technical or (None if owner else n.rita),
        "purpose": "Joins.",
    }
    manifest = description(c, name, *holds, **more)
    made: Version = registered(
        team or n.finance_ops, actor=as_actor(by or n.rita), now=c.now, manifest=manifest, fields=fields
    )
    return made


def description(
    c: Company,
    name: str,
    *holds: Held,
    external_id: str = "",
    triggers: tuple[Trigger, ...] = (),
    on_error: str = "",
    identity: str = "",
    kind: str = "script",
) -> Manifest:
    """A description of an automation of n8n; not in the register."""
    manifest = manual_description.describe_manually(
        name=name,
        kind=kind,
        platform="n8n",
        privileges=[
            manual_description.DescribedPrivilege(_entitlement(c, *held[:2], *held[3:]), held[1], held[2])
            for held in holds
        ],
        triggers=triggers,
        external_id=external_id,
    )
    named = (Identity("service_account", identity, "n8n"),) if identity else ()
    return replace(manifest, on_error=on_error, identities=named)


def _entitlement(c: Company, on: Resource, level: str, code: str = "") -> Entitlement:
    code = code or f"row:{level}"
    entitlement = Entitlement.objects.filter(resource=on, code=code).first()
    if entitlement is not None:
        return entitlement
    owner = as_actor(on.owner)  # type: ignore[arg-type]  # in use, so somebody owns it
    return resources.add_entitlement(on, actor=owner, now=c.now, code=code, words=f"May {level} it", level=level)


def in_force(c: Company, version: Version) -> Submission:
    """Everything of it approved by people."""
    return scenarios.decide_all(c, scenarios.submitted(c, version))
