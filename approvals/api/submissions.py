"""Submitting a version that is in the register, with what the page would be told (A1, A2, A12)."""

from __future__ import annotations

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
from approvals.grants.deploy_gate import HASH
from approvals.intake import drafts
from approvals.intake import transitions as intake_transitions
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview
from approvals.intake.views import preview_page
from approvals.models import Submission, SubmissionState
from approvals.submissions.transitions import submit as transition_submit
from governance.core.duties.refusals import Refusal, refuse
from governance.core.texts import free_text
from inventory.importers.manifest import Manifest
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, ImportItem, ImportState, Resource, Version, of_manifest

router = Router(tags=["Submitting"])

AT_ONCE = Refusal(
    "A8",
    "state",
    "Another request for the same person is submitting this at the same moment.",
    "Ask how it stands, or send it once more.",
)
NEWER = Refusal(
    "I2",
    "state",
    "What you brought in last is not the newest version of it.",
    "Say which is meant: version=N, or digest= with the manifest_digest that bringing in answered.",
)
SAVED = "It is saved, and not submitted: something is missing."


class Which(Schema):
    """Which version is meant: the newest, unless somebody else has brought that in since."""

    version: Key | None = Field(None, description="Its number.")
    digest: Digest | None = Field(None, description="Of its manifest, as bringing in answers it.")


@router.post(
    "/automations/{pk}/submissions", response={200: SubmittedOut, 201: SubmittedOut, **ERRORS}, url_name="submit"
)
def submit(request: HttpRequest, pk: Key, said: Submitting, about: Query[Which]) -> Any:
    """Submit a version: 201, and people are asked. What is under review or in force just so is answered with 200, and asks nobody.

    It is all or nothing: what is refused changes nothing about the automation. Where the newest version is not the one that the
    person has brought in last, say which is meant.

    What is missing is answered with 422 beside its fields. What was typed before about the same, here or on the page, need not be
    said again.
    """
    who = caller(request)
    automation = get_object_or_404(Automation.objects.visible_to(who.actor, who.now).select_related("team"), pk=pk)
    version = _version(automation, said, about, who)
    _check_may(automation, version, said, who)
    with transaction.atomic():
        found = _filled_in(automation, version, said, who)
        comes_to_nothing = found.is_repeat or found.refusal is not None
        transaction.set_rollback(comes_to_nothing)  # no draft is left of it
    if found.refusal is not None:
        raise refuse(found.refusal)
    if found.is_repeat:
        return SubmittedOut(submitted=False, submission=submission_of(_same(found, automation), who))
    _check_filled_in(found)
    made = intake_transitions.hand_in(found, actor=who.actor, now=who.now)
    if made is None:
        raise refuse(AT_ONCE)
    return Status(201, SubmittedOut(submitted=True, submission=submission_of(made, who)))


def _check_may(automation: Automation, version: Version, said: Submitting, who: Caller) -> None:
    """Whether this program may do it at all, asked before anything is kept; where not, it is tried, so that it stands on record.

    Raises:
        Refused: by the operations themselves.
    """
    as_who: dict[str, Any] = {"actor": who.actor, "now": who.now}
    if transition_submit.submit.refusal(automation, **as_who) is not None:
        transition_submit.submit(automation, version=version, wishes={}, **as_who)
    if confirmation.confirm_import.refusal(automation.team, **as_who) is not None:
        confirmation.confirm_import(automation.team, item=ImportItem(), fields={}, **as_who)
    contact = said.escalation_contact
    is_new = contact is not None and free_text.name(contact) != automation.escalation_contact
    if is_new and automation.state != AutomationState.DRAFT:  # no review is about it, so a program does not say it
        confirmation.amend(automation, fields={"escalation_contact": contact}, **as_who)


def _version(automation: Automation, said: Submitting, about: Which, who: Caller) -> Version:
    """The version that is meant.

    Raises:
        InvalidInput: two are.
        OutOfTurn: none was said, and the newest is not what this person has brought in last.
    """
    if None not in (said.version, about.version) and said.version != about.version:
        raise field("version", "The address names another version than the document.")
    number = said.version or about.version
    versions = automation.versions.order_by("-number")
    if number is not None:
        versions = versions.filter(number=number)
    if about.digest is not None:
        versions = versions.filter(of_manifest([f"{HASH}{about.digest.removeprefix(HASH)}"]))
    found = versions.first()
    if found is None:
        raise Http404("The automation has no such version.")
    if number is None and about.digest is None:
        own = ImportItem.objects.filter(version__automation=automation, batch__by=who.person)
        last = own.filter(progress=ImportState.CONFIRMED).order_by("-pk").first()
        if last is not None and last.version_id != found.pk:
            raise refuse(NEWER)
    found.automation = automation
    return found


def _filled_in(automation: Automation, version: Version, said: Submitting, who: Caller) -> Preview:
    """The version as a preview of this person's, with what was said put into its draft and kept: nothing is typed twice.

    Raises:
        InvalidInput: something was said of a row that there is not, of a resource that can't be seen, or a term is too long.
    """
    item = drafts.of_version(version, by=who.person, team=automation.team, now=who.now)
    draft = Draft.of(item)
    draft = replace(draft, team=automation.team_id, fields={**draft.fields, **said.fields()})
    draft = draft.with_rows(said.rows(), Manifest.from_dict(item.manifest))
    found = _read(item, draft, automation, who)
    wrong = {**_wrong_rows(found, said), **_wrong_resources(said, who)}
    if wrong:
        raise fields(wrong, "Something was said about rows that can't be used.", "See the preview for rows and keys.")
    drafts.keep(item, draft, automation.team)
    return found


def _read(item: ImportItem, draft: Draft, automation: Automation, who: Caller) -> Preview:
    return previews.read(item, actor=who.actor, now=who.now, team=automation.team, draft=draft)


def _wrong_rows(found: Preview, said: Submitting) -> dict[str, str]:
    """What was said of rows that there are not, or longer than a tier allows: it is not taken for the longest (A7)."""
    rows = {one.key: one for one in found.wanted}
    named = (("justifications", said.justifications), ("terms", said.terms), ("opens", said.opens))
    wrong = {
        f"{name}.{key}": "No row of this version has this key."
        for name, values in named
        for key in values
        if key not in rows
    }
    for key, days in said.terms.items():
        longest = found.policy.longest_term(rows[key].asked.tier) if key in rows else days
        if days > longest:
            wrong[f"terms.{key}"] = f"A {rows[key].asked.tier}-risk term is 1 to {longest} days."
    return wrong


def _wrong_resources(said: Submitting, who: Caller) -> dict[str, str]:
    wanted = set(said.opens.values())
    seen = Resource.objects.visible_to(who.actor, who.now).resolved().filter(pk__in=wanted) if wanted else ()
    known = {one.pk for one in seen}
    return {
        f"opens.{key}": "No resource that you see has this id." for key, pk in said.opens.items() if pk not in known
    }


def _check_filled_in(found: Preview) -> None:
    """Whether everything is there, so that nothing is changed by halves: the operation asks it again.

    Raises:
        InvalidInput: with a field for each thing that is missing.
    """
    missing = [one["text"] for one in preview_page.things_missing(found)]
    if not missing:
        return
    beside = {f"justifications.{one.key}": "Say why in one sentence." for one in found.unjustified}
    beside |= {f"opens.{one.key}": "Say what it opens." for one in found.asked if one.connection and not one.is_named}
    said = found.draft.fields
    if not str(said.get("purpose") or "").strip():
        beside["purpose"] = "Say what it is for."
    if not said.get("business_owner"):
        beside["business_owner"] = "Name who is accountable for it."
    words = "; ".join(missing)
    sentence = f"{SAVED} {words[:1].upper()}{words[1:]}."
    raise fields(beside, sentence, "Say it, here or on the page, and submit again.", code="I8")


def _same(found: Preview, automation: Automation) -> Submission:
    """What asks, or has asked, the very same already."""
    if found.under_way is not None:
        return found.under_way
    in_force = automation.submissions.filter(state=SubmissionState.IN_FORCE)
    return in_force.order_by("-ended_at", "-pk")[0]
