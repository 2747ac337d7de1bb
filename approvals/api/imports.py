"""Endpoints that preview or import an export. A preview saves nothing; a repeated import changes nothing and reports that (I7).

Each request has one automation, so that the status reports its success. A raw export is parsed in memory and not stored.
"""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from approvals.api.caller import Caller, caller, field
from approvals.api.problems import ERRORS
from approvals.api.requests import EXPORT_BODY, FileName, Key, check_type
from approvals.api.responses import BroughtOut, PreviewOut, preview_of
from approvals.intake import drafts
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.models.submission import UNFINISHED
from governance.core.access import Refusal, Refused, refuse
from governance.core.models import Person, Team
from inventory.automations import lineages
from inventory.importers.manifest import Manifest
from inventory.importers.reader import Found
from inventory.imports import import_process
from inventory.imports import queries as import_queries
from inventory.imports.transitions import confirmation
from inventory.imports.transitions import previews as transition_previews
from inventory.models import Automation, Environment, ImportItem, ImportState, Outcome, Version

router = Router(tags=["Bringing in"])


class About(Schema):
    """Facts about an export that it does not contain."""

    team: Key | None = None
    environment: Environment = Environment.PRODUCTION
    automation: Key | None = None
    promoted_from: Key | None = None
    business_owner: Key | None = None
    technical_owner: Key | None = None
    name: FileName = "export.json"


@router.post("/preview", response={200: PreviewOut, **ERRORS}, openapi_extra=EXPORT_BODY)
def preview(request: HttpRequest, options: Query[About]) -> dict[str, Any]:
    """Show the risk, the route with deadlines, and missing facts of an export. Nothing is saved.

    For a source without an id of its own, `automation` is the id of the automation that it updates. `promoted_from` is the id of the same
    automation in another environment (I10). It is not needed if both have one id on one platform.
    """
    program, team, files = _read_export(request, options)
    with transaction.atomic():
        document = _preview_document(_save_preview(files, program, team, options), program, team)
        transaction.set_rollback(True)
    return document


@router.post("/automations", response={200: BroughtOut, 201: BroughtOut, **ERRORS}, openapi_extra=EXPORT_BODY)
def import_export(request: HttpRequest, options: Query[About]) -> Any:
    """Import an export into the register: 201 for new or changed content, 200 for unchanged content.

    The owners are used for a new automation: `business_owner` is required, and `technical_owner` defaults to the person behind the token.
    With `promoted_from`, both default to the owners of that automation. Nothing is submitted.
    """
    program, team, files = _read_export(request, options)
    with transaction.atomic():
        item = _save_preview(files, program, team, options)
        version = _unchanged(item, team, options)
        if version is not None:
            answer = _import_result(version, Outcome.UNCHANGED, program, team)
            transaction.set_rollback(True)
            return answer
    version = _confirm(item, program, team, options)
    answer = _import_result(version, Outcome(item.outcome), program, team)
    return answer if item.outcome == Outcome.UNCHANGED else Status(201, answer)


def _read_export(request: HttpRequest, options: About) -> tuple[Caller, Team, list[Found]]:
    """Read an export in a child process, outside a transaction: it takes seconds. Returns it after the caller and the team.

    Raises:
        Refused: see `Caller.team`.
        UnusableRequest: the content type is not JSON.
        ImportBusy: an import of this person, or two of this process, are being read.
    """
    program = caller(request)
    team = program.team(options.team)
    check_type(request)
    return program, team, import_process.read_in_child([(options.name, request.body)], person=program.person)


def _save_preview(files: list[Found], program: Caller, team: Team, options: About) -> ImportItem:
    """Save the only automation of an export as a preview with the request's options. Runs inside a transaction.

    Raises:
        InvalidInput: the export is unreadable, has no or several automations, or does not fit the options.
    """
    batch = transition_previews.keep_results(files, actor=program.actor, now=program.now, team=team)
    items = list(batch.items.order_by("pk")[:2])
    for item in items:
        if item.progress == ImportState.REFUSED:
            raise refuse(Refusal("I8", "input", item.reason, "", (("", item.reason),)))
    if len(items) != 1:
        sentence = "An export holds one automation here, and this one holds more." if items else "It holds none."
        raise refuse(Refusal("I7", "input", sentence, "Send each by itself; the page takes many at once."))
    item = items[0]
    if options.automation is not None:
        _check_named(options.automation, item, team)
    below, environment = options.promoted_from, options.environment.value
    if below is not None and lineages.chosen_sibling(team, below, environment) is None:
        raise field("promoted_from", f"No automation of this team that is not in {environment} yet has this id.")
    draft = Draft(team=team.pk, automation=options.automation, sibling=below, fields={"environment": environment})
    drafts.keep(item, draft, team)
    return item


def _check_named(pk: int, item: ImportItem, team: Team) -> None:
    if item.manifest["source"]["external_id"]:
        raise field("automation", "This export says itself which automation it is.")
    if not Automation.objects.filter(pk=pk, team=team, external_id="").exists():
        sentence = "No automation of this team that an export without an id could belong to has this id."
        raise field("automation", sentence)


def _unchanged(item: ImportItem, team: Team, options: About) -> Version | None:
    """Return the registered version if the import would write nothing. Automations in review are never skipped (S1)."""
    if options.automation is not None:
        return None
    in_review = Automation.objects.filter(submissions__state__in=UNFINISHED)
    return import_queries.unchanged_items([item], team, options.environment.value, apart=in_review).get(item.pk)


def _confirm(item: ImportItem, program: Caller, team: Team, options: About) -> Version:
    """Import the preview and return its version. A refused import leaves nothing behind."""
    draft, manifest = Draft.load(item), Manifest.from_dict(item.manifest)
    named = drafts.named_by(item, draft, team) if options.automation is not None else None
    registered = confirmation.find_automation(team, manifest, environment=options.environment.value, named=named)
    sibling = drafts.sibling_of(registered, manifest, draft, team)
    try:
        made: object = confirmation.confirm_import(
            team,
            actor=program.actor,
            now=program.now,
            item=item,
            fields={"environment": options.environment.value},
            if_new=_if_new(program, options, sibling),
            automation=named,
            sibling=sibling,
        )
    except Refused:
        transition_previews.delete_upload(item.batch)
        raise
    assert isinstance(made, Version)  # the operation's subject is the team; it returns the version
    return made


def _if_new(program: Caller, options: About, sibling: Automation | None) -> dict[str, Any]:
    """Fields of a new automation: its owners, and the answers of the automation that it is promoted from (I10)."""
    named = {name: pk for name in drafts.OWNERS if (pk := getattr(options, name)) is not None}
    people = Person.objects.in_bulk(named.values())
    for name, pk in named.items():
        if pk not in people:
            raise field(name, "Nobody who can be named has this id.")
    owners = {name: people[pk] for name, pk in named.items()}
    if sibling is None:
        return {"business_owner": None, "technical_owner": program.person, **owners}
    before = drafts.fields_of(Draft(fields=drafts.initial_fields(None, program.actor, sibling)))
    return {**before, **owners}


def _import_result(version: Version, outcome: Outcome, program: Caller, team: Team) -> dict[str, Any]:
    """Return the outcome and a preview of its submission. The preview is rolled back."""
    automation = Automation.objects.select_related("team").get(pk=version.automation_id)
    with transaction.atomic():
        item = drafts.preview_of_version(version, by=program.person, team=team, now=program.now)
        preview_document = _preview_document(item, program, team)
        transaction.set_rollback(True)
    return {"outcome": outcome.value, "automation": automation, "version": version, "preview": preview_document}


def _preview_document(item: ImportItem, program: Caller, team: Team) -> dict[str, Any]:
    return preview_of(previews.load_preview(item, actor=program.actor, now=program.now, team=team), program.actor)
