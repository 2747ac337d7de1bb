"""Endpoint that submits a registered version, with the answers of the page's form (A1, A2, A12)."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from approvals.api.caller import Caller, caller, field, fields
from approvals.api.problems import ERRORS
from approvals.api.requests import Digest, Key, Submitting
from approvals.api.status import SubmittedOut, submission_of
from approvals.grants.deploy_gate import HASH_PREFIX
from approvals.intake import drafts
from approvals.intake import transitions as intake_transitions
from approvals.intake.preview import queries as previews
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.rows import Preview
from approvals.models import SubmissionState
from approvals.submissions.transitions import submit as transition_submit
from governance.core.access import Refusal, refuse
from governance.core.texts import free_text
from inventory.importers.manifest import Manifest
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, ImportItem, ImportState, Version

router = Router(tags=["Submitting"])

AT_ONCE = "Another request for the same person is submitting this at the same moment."
NEWER = "What you imported last is not the newest version of it."
NAME_IT = "Say which is meant: version=N, or digest= with the manifest_digest that bringing in answered."
SAVED = "It is saved, and not submitted: something is missing."
#: The field of a problem, followed by the row's key, and what to answer.
FIELDS = {
    "justification": ("justifications.", "Say why in one sentence."),
    "connection": ("opens.", "Say what it opens."),
    "purpose": ("purpose", "Say what it is for."),
    "no_owner": ("business_owner", "Name who is accountable for it."),
}


class Which(Schema):
    """The version to submit. Default: the newest, unless another person has imported it since."""

    version: Key | None = Field(None, description="Its number.")
    digest: Digest | None = Field(None, description="Of its manifest, as bringing in answers it.")


@router.post(
    "/automations/{pk}/submissions", response={200: SubmittedOut, 201: SubmittedOut, **ERRORS}, url_name="submit"
)
def submit(request: HttpRequest, pk: Key, document: Submitting, options: Query[Which]) -> Any:
    """Submit a version: 201, and the approvers are asked. A version already under review or in force: 200, and nobody is asked.

    A refused request changes nothing about the automation. If the newest version is not the person's own last import, name the version.

    Missing answers return 422 with their fields. Answers given before, here or on the page, need not be repeated.
    """
    program = caller(request)
    visible = Automation.objects.visible_to(program.actor, program.now)
    automation = get_object_or_404(visible.select_related("team"), pk=pk)
    version = _version(automation, document, options, program)
    _check_may(automation, version, document, program)
    with transaction.atomic():
        preview = _filled_in(automation, version, document, program)
        transaction.set_rollback(preview.is_repeat or preview.refusal is not None)  # leave no draft behind
    if preview.refusal is not None:
        raise refuse(preview.refusal)
    if preview.is_repeat:
        in_force = automation.submissions.filter(state=SubmissionState.IN_FORCE)
        existing = preview.context.before or in_force.order_by("-ended_at", "-pk")[0]
        return {"submitted": False, "submission": submission_of(existing.pk, program)}
    _check_filled_in(preview)
    submission = intake_transitions.hand_in(preview, actor=program.actor, now=program.now)
    if submission is None:
        raise refuse(Refusal("A8", "state", AT_ONCE, "Ask how it stands, or send it once more."))
    return Status(201, {"submitted": True, "submission": submission_of(submission.pk, program)})


def _check_may(automation: Automation, version: Version, document: Submitting, program: Caller) -> None:
    """Check that the caller may submit, before anything is saved. If not, the operation runs to record the refusal.

    Raises:
        Refused: by the operations.
    """
    as_who: dict[str, Any] = {"actor": program.actor, "now": program.now}
    if transition_submit.submit.refusal(automation, **as_who) is not None:
        transition_submit.submit(automation, version=version, wishes={}, **as_who)
    if confirmation.confirm_import.refusal(automation.team, **as_who) is not None:
        confirmation.confirm_import(automation.team, item=ImportItem(), fields={}, **as_who)
    contact = document.escalation_contact
    is_new = contact is not None and free_text.name(contact) != automation.escalation_contact
    if is_new and automation.state != AutomationState.DRAFT:
        # No review covers this field, so a program can't change it.
        confirmation.amend_automation(automation, fields={"escalation_contact": contact}, **as_who)


def _version(automation: Automation, document: Submitting, options: Which, program: Caller) -> Version:
    """Return the version to submit.

    Raises:
        InvalidInput: address and document name different versions.
        OutOfTurn: no version is named, and the newest is not the person's last import.
    """
    if None not in (document.version, options.version) and document.version != options.version:
        raise field("version", "The address names another version than the document.")
    number = document.version or options.version
    versions = automation.versions.order_by("-number")
    if number is not None:
        versions = versions.filter(number=number)
    if options.digest is not None:
        versions = versions.filter(manifest_digest=f"{HASH_PREFIX}{options.digest.removeprefix(HASH_PREFIX)}")
    version = versions.first()
    if version is None:
        raise Http404("The automation has no such version.")
    if number is None and options.digest is None:
        items = ImportItem.objects.filter(version__automation=automation, batch__by=program.person)
        last = items.filter(progress=ImportState.CONFIRMED).order_by("-pk").first()
        if last is not None and last.version_id != version.pk:
            raise refuse(Refusal("I2", "state", NEWER, NAME_IT))
    version.automation = automation
    return version


def _filled_in(automation: Automation, version: Version, document: Submitting, program: Caller) -> Preview:
    """Return the person's preview of the version, with the answers saved in its draft.

    Raises:
        InvalidInput: unknown row, invisible resource, or a term that is too long.
    """
    item = drafts.preview_of_version(version, by=program.person, team=automation.team, now=program.now)
    draft = drafts.Draft.load(item)
    draft = replace(draft, team=automation.team_id, fields={**draft.fields, **document.fields()})
    draft = draft.with_rows(document.row_answers(), Manifest.from_dict(item.manifest))
    preview = previews.load_preview(item, actor=program.actor, now=program.now, team=automation.team, draft=draft)
    sentences = {**_wrong_rows(preview, document), **_wrong_resources(document, program)}
    if sentences:
        sentence = "Some answers name rows or resources that this version can't use."
        raise fields(sentences, sentence, "See the preview for rows and keys.")
    drafts.keep(item, draft, automation.team)
    return preview


def _wrong_rows(preview: Preview, document: Submitting) -> dict[str, str]:
    """Report unknown rows and terms above the tier's maximum. A long term is not shortened silently (A7)."""
    rows = {row.key: row for row in preview.wanted}
    named = [f"{name}.{key}" for name in ("justifications", "terms", "opens") for key in getattr(document, name)]
    sentence = "No row of this version has this key."
    sentences = {name: sentence for name in named if name.partition(".")[2] not in rows}
    for key, days in document.terms.items():
        longest = rows[key].longest_term_days if key in rows else days
        if days > longest:
            sentences[f"terms.{key}"] = f"A {rows[key].requested.tier}-risk term is 1 to {longest} days."
    return sentences


def _wrong_resources(document: Submitting, program: Caller) -> dict[str, str]:
    seen = drafts.choosable_resources(program.actor, program.now).in_bulk(document.opens.values())
    sentence = "No resource that you see has this id."
    return {f"opens.{key}": sentence for key, pk in document.opens.items() if pk not in seen}


def _check_filled_in(preview: Preview) -> None:
    """Check that all required answers are there, so that nothing is saved in part. The operation checks again.

    Raises:
        InvalidInput: with one field per missing answer.
    """
    problems = preview.plan.problems
    if not problems:
        return
    row_keys = {row.requested.key: row.key for row in preview.asked_rows}
    answers = [(*FIELDS[problem.kind], problem.key) for problem in problems if problem.kind in FIELDS]
    sentences = {f"{name}{row_keys.get(key, '')}": sentence for name, sentence, key in answers}
    words = "; ".join(remark.text for remark in missing_answers(preview))
    sentence = f"{SAVED} {words[:1].upper()}{words[1:]}."
    raise fields(sentences, sentence, "Say it, here or on the page, and submit again.", code="I8")
