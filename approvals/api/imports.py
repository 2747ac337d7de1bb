"""An export, previewed or brought in. A preview keeps nothing; the same export again changes nothing and says so (I7).

One automation a request: a program is told by the status whether it worked. A raw export is parsed in memory and forgotten.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from approvals.api.caller import Caller, caller, field
from approvals.api.problems import ERRORS
from approvals.api.requests import EXPORT_BODY, FileName, Key, check_type
from approvals.api.responses import AutomationOut, BroughtOut, PreviewOut, VersionOut, preview_of
from approvals.intake import draft_automation, drafts
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.models.submission import UNFINISHED
from governance.core.duties.refusals import Refusal, Refused, refuse
from governance.core.models import Person, Team
from inventory.automations import environments
from inventory.importers.manifest import Manifest
from inventory.importers.size_limit import Found
from inventory.imports import import_process
from inventory.imports import queries as import_queries
from inventory.imports.transitions import confirmation
from inventory.imports.transitions import previews as transition_previews
from inventory.models import Automation, Environment, ImportItem, ImportState, Outcome, Version

router = Router(tags=["Bringing in"])


class About(Schema):
    """What is said of an export beside what it holds."""

    team: Key | None = None
    environment: Environment = Environment.PRODUCTION
    automation: Key | None = None
    promoted_from: Key | None = None
    business_owner: Key | None = None
    technical_owner: Key | None = None
    name: FileName = "export.json"


@router.post("/preview", response={200: PreviewOut, **ERRORS}, openapi_extra=EXPORT_BODY)
def preview(request: HttpRequest, about: Query[About]) -> PreviewOut:
    """What an export would touch, who would be asked for what by when, and what is missing. Nothing of it is kept.

    `automation` is the id of the one that a source without an id of its own is a new version of; `promoted_from` that of the one of
    another environment that a new one is the same as (I10). Under one id of one platform that need not be said.
    """
    who = caller(request)
    team = who.team(about.team)
    found = _found(request, who, about)
    with transaction.atomic():
        item = _read(found, who, team, about)
        shown = _shown(item, who, team)
        transaction.set_rollback(True)
    return shown


@router.post("/automations", response={200: BroughtOut, 201: BroughtOut, **ERRORS}, openapi_extra=EXPORT_BODY)
def bring_in(request: HttpRequest, about: Query[About]) -> Any:
    """Bring an export into the register: 201 for what is new or changed, 200 where it is there just so.

    The owners count where the automation is new: `business_owner` is needed then, and `technical_owner` is whoever made the token
    unless it is said; of what is promoted both are those of the automation that it is promoted from. Nobody is asked before it is
    submitted.
    """
    who = caller(request)
    team = who.team(about.team)
    found = _found(request, who, about)
    with transaction.atomic():
        item = _read(found, who, team, about)
        version = _unchanged(item, team, about)
        if version is not None:
            answer = _brought(version, Outcome.UNCHANGED, who, team)
            transaction.set_rollback(True)
            return answer
    version = _confirm(item, who, team, about)
    answer = _brought(version, Outcome(item.outcome), who, team)
    return answer if item.outcome == Outcome.UNCHANGED else Status(201, answer)


def _found(request: HttpRequest, who: Caller, about: About) -> list[Found]:
    """What an export holds; outside a transaction, because reading takes seconds.

    Raises:
        Unsupported: it does not say that it is JSON.
        ImportBusy: another import of this person, or two of this process, are being read.
    """
    check_type(request)
    return import_process.read_apart([(about.name, request.body)], person=who.person)


def _read(found: list[Found], who: Caller, team: Team, about: About) -> ImportItem:
    """The only automation of an export, with the request's words about it; inside a transaction.

    Raises:
        InvalidInput: it can't be read, holds none or several automations, or the request is wrong about it.
    """
    batch = transition_previews.keep(found, actor=who.actor, now=who.now, team=team)
    items = list(batch.items.order_by("pk")[:2])
    refused = next((one for one in items if one.progress == ImportState.REFUSED), None)
    if refused is not None:
        raise refuse(Refusal("I8", "input", refused.reason, "", (("", refused.reason),)))
    if len(items) != 1:
        sentence = "An export holds one automation here, and this one holds more." if items else "It holds none."
        raise refuse(Refusal("I7", "input", sentence, "Send each by itself; the page takes many at once."))
    item = items[0]
    if about.automation is not None:
        _check_named(about.automation, item, team)
    below, environment = about.promoted_from, about.environment.value
    if below is not None and environments.chosen(team, below, environment) is None:
        raise field("promoted_from", f"No automation of this team that is not in {environment} yet has this id.")
    draft = Draft(team=team.pk, automation=about.automation, sibling=below, fields={"environment": environment})
    drafts.keep(item, draft, team)
    return item


def _check_named(pk: int, item: ImportItem, team: Team) -> None:
    if item.manifest["source"]["external_id"]:
        raise field("automation", "This export says itself which automation it is.")
    if not Automation.objects.filter(pk=pk, team=team, external_id="").exists():
        raise field(
            "automation", "No automation of this team that an export without an id could belong to has this id."
        )


def _unchanged(item: ImportItem, team: Team, about: About) -> Version | None:
    """The version that it is already, where bringing it in would write nothing at all; what is in review goes the long way (S1)."""
    if about.automation is not None:
        return None
    in_review = Automation.objects.filter(submissions__state__in=UNFINISHED)
    return import_queries.unchanged([item], team, about.environment.value, apart=in_review).get(item.pk)


def _confirm(item: ImportItem, who: Caller, team: Team, about: About) -> Version:
    """The version that it becomes; where that is refused, nothing of the export stays."""
    draft, manifest = Draft.of(item), Manifest.from_dict(item.manifest)
    named = draft_automation.named_by(item, draft, team) if about.automation is not None else None
    known = confirmation.known(team, manifest, environment=about.environment.value, named=named)
    sibling = draft_automation.sibling_of(known, manifest, draft, team)
    try:
        made: object = confirmation.confirm_import(
            team,
            actor=who.actor,
            now=who.now,
            item=item,
            fields={"environment": about.environment.value},
            if_new=_if_new(who, about, sibling),
            automation=named,
            sibling=sibling,
        )
    except Refused:
        transition_previews.forget(item.batch)
        raise
    assert isinstance(made, Version)  # its subject is the team, what is made is the version
    return made


def _if_new(who: Caller, about: About, sibling: Automation | None) -> dict[str, Any]:
    """What is said of a new automation: its owners, and what was said of the one that it is promoted from (I10)."""
    if sibling is None:
        return dict(_owners(who, about))
    said = {"business_owner": about.business_owner, "technical_owner": about.technical_owner}
    owners = {name: one for name, one in _owners(who, about).items() if said[name] is not None}
    before = draft_automation.fields_of(Draft(fields=draft_automation.fields_before(None, who.actor, sibling)))
    return {**before, **owners}


def _owners(who: Caller, about: About) -> dict[str, Person | None]:
    ids = [pk for pk in (about.business_owner, about.technical_owner) if pk is not None]
    people = Person.objects.in_bulk(ids)
    for name, pk in (("business_owner", about.business_owner), ("technical_owner", about.technical_owner)):
        if pk is not None and pk not in people:
            raise field(name, "Nobody who can be named has this id.")
    technical = who.person if about.technical_owner is None else people[about.technical_owner]
    return {"business_owner": people.get(about.business_owner or 0), "technical_owner": technical}


def _brought(version: Version, outcome: Outcome, who: Caller, team: Team) -> BroughtOut:
    """What it came to, with what submitting it would ask; reading that leaves nothing behind."""
    automation = Automation.objects.select_related("team").get(pk=version.automation_id)
    said = VersionOut.of(version)
    assert said is not None
    with transaction.atomic():
        later = drafts.of_version(version, by=who.person, team=team, now=who.now)
        shown = _shown(later, who, team)
        transaction.set_rollback(True)
    return BroughtOut(outcome=outcome.value, automation=AutomationOut.of(automation), version=said, preview=shown)


def _shown(item: ImportItem, who: Caller, team: Team) -> PreviewOut:
    return preview_of(previews.read(item, actor=who.actor, now=who.now, team=team), who.person, who.actor)
