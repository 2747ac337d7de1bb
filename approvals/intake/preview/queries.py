"""Load the preview of an import: the plan that submitting it would write (I7, I8, A1).

It reads the register and the draft, and writes nothing. The number of queries does not grow with the privileges.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.functional import SimpleLazyObject

from approvals.assignment.seat_state import SeatState
from approvals.decisions.rules import duties
from approvals.intake import drafts
from approvals.intake.drafts import Draft, row_key
from approvals.intake.preview.route import people_words
from approvals.intake.preview.rows import USES_PREFIX, Preview, PreviewRow, answers_of, groups_of
from approvals.models import Approval, SeatLabel, credential_key
from approvals.models.submission import Capacity
from approvals.parties.submission_parties import OWNING
from approvals.submissions.plan.context import PartyPair, PlanContext, VersionContent
from approvals.submissions.plan.plan import Plan
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.reapproval import RequestedItem
from approvals.submissions.transitions.submit import submit
from governance.core.access import Actor, Refusal
from governance.core.models import Person, Team
from inventory.automations.rules import ReaderRelations
from inventory.importers.manifest import Manifest, manifest_digest, platform_name, sha256
from inventory.imports import resolution as import_resolution
from inventory.imports.resolution import Resolution
from inventory.imports.transitions import confirmation
from inventory.imports.transitions.write_version import identities_to_take_over
from inventory.models import Automation, DataClass, ImportItem, NonHumanIdentity, Privilege, Resource, Version
from inventory.ownership import parties
from inventory.versions.diff import VersionDiff, diff_privileges, pair_across


def load_preview(
    item: ImportItem,
    *,
    actor: Actor,
    now: datetime,
    team: Team,
    draft: Draft | None = None,
    relations: ReaderRelations | None = None,
    usual_owner: Callable[[], int | None] | None = None,
) -> Preview:
    """Load the preview of an import.

    Args:
        item: the preview's row.
        actor: the person who would submit it.
        now: business time.
        team: the team that owns it.
        draft: the builder's answers; default: the draft saved with the item.
        relations: of the actor to the team, if the caller has read them.
        usual_owner: gives the business owner of a new automation until the builder names one.
    """
    assert actor.person is not None  # only a person has a preview
    draft, manifest = draft or Draft.load(item), Manifest.from_dict(item.manifest)
    registered, is_elsewhere = _find_automation(item, manifest, draft, team, actor, now)
    sibling = None if is_elsewhere else drafts.sibling_of(registered, manifest, draft, team)
    begun = drafts.initial_fields(registered, actor, sibling)
    if registered is None and sibling is None and usual_owner is not None and "business_owner" not in draft.fields:
        begun["business_owner"] = usual_owner()
    draft = replace(draft, fields={**begun, **draft.fields})
    resolution = _resolve(registered, manifest, draft, actor, now)
    automation = drafts.with_draft_answers(registered, manifest, draft, team, actor)
    if sibling is not None:
        automation.lineage = sibling.lineage
    content = replace(
        _content(automation, registered, manifest, resolution, actor),
        has_owner=bool(draft.fields.get("business_owner")),
        is_sibling_here=registered is None and sibling is None and bool(draft.sibling),
    )
    hint = manifest.source.owner_hint
    authors = tuple(sorted(parties.all_matches([hint]).get(hint, ()), key=lambda person: person.pk))
    joining = _joining_parties(content, actor.person, authors)
    left = {privilege.key for key, privilege in resolution.privileges.items() if row_key(key) in draft.left_out}
    context = PlanContext(
        content, submitter=actor.person, people=actor.people, now=now, more_parties=joining, left_out=left
    )
    items = _items_by_row(context.items, resolution)
    said_before, groups = _earlier_justifications(context, items), groups_of(items)
    answers = answers_of(items, groups, draft, said_before, context.policy, context.left_out)
    plan = Plan(context, {item.key: answers[key][1] for key, item in items.items()})
    base = context.promoted_from
    if registered is not None:
        base = registered.approved_version or registered.versions.order_by("-number").first() or base
    rows = tuple(_row(key, groups[key], item, *answers[key], plan, resolution) for key, item in items.items())
    preview = Preview(item, draft, team, plan, said_before, sibling, base, rows, begun, authors)
    return replace(preview, refusal=_refusal(preview, actor, relations, is_elsewhere=is_elsewhere))


def _find_automation(
    item: ImportItem, manifest: Manifest, draft: Draft, team: Team, actor: Actor, now: datetime
) -> tuple[Automation | None, bool]:
    """Return the automation in the register, and whether it belongs to another team.

    The page reports that one exists in another team; without details if the reader may not see it (I1).
    """
    named, environment = drafts.named_by(item, draft, team), drafts.environment_of(draft)
    registered = confirmation.find_automation(team, manifest, environment=environment, named=named)
    if registered is None:
        return None, False
    if registered.team_id != team.pk:
        visible = Automation.objects.visible_to(actor, now).filter(pk=registered.pk)
        return registered if visible.exists() else None, True
    registered.team = team  # with its leads
    return registered, False


def _resolve(
    registered: Automation | None, manifest: Manifest, draft: Draft, actor: Actor, now: datetime
) -> Resolution:
    """Resolve the manifest against the register.

    Identities that the reader may not see are replaced with unregistered ones: anyone can type a name into a file. The
    submitter sees what else runs as the identity, and that is recorded (I5).
    """
    # Read only if a connection is open to a choice.
    chosen: Any = SimpleLazyObject(partial(drafts.chosen_resources, draft, actor, now))
    resolution = import_resolution.resolve_manifest(
        manifest,
        platform_instance=platform_name(manifest),
        chosen=chosen,
        automation=registered,
        by=actor.person,
    )
    registered_ids = {identity.pk for identity in resolution.identities if identity.pk is not None}
    if registered_ids:
        seen = NonHumanIdentity.objects.visible_to(actor, now).filter(pk__in=registered_ids)
        seen_ids = {None, *seen.values_list("pk", flat=True)}
        resolution.identities = [
            identity
            if identity.pk in seen_ids
            else NonHumanIdentity(kind=identity.kind, issuer=identity.issuer, subject=identity.subject)
            for identity in resolution.identities
        ]
    return resolution


def _content(
    automation: Automation, registered: Automation | None, manifest: Manifest, resolution: Resolution, actor: Actor
) -> VersionContent:
    privileges, version = list(resolution.privileges.values()), None
    if registered is not None:
        bound = sha256(sorted(privilege.key for privilege in privileges))
        same = registered.versions.filter(manifest_digest=manifest_digest(manifest), binding_digest=bound)
        version = same.first()
    return VersionContent(
        automation=automation,
        registered=registered,
        version=version,
        manifest=manifest,
        privileges=privileges,
        credentials=list(resolution.credentials.values()),
        triggers=resolution.triggers,
        identities=resolution.identities,
        bindings=resolution.as_bound(actor.person),
        taken_over=list(identities_to_take_over(automation, resolution.identities)),
    )


def _joining_parties(content: VersionContent, submitter: Person, named: Iterable[Person]) -> Iterator[PartyPair]:
    """Yield the parties that importing and submitting adds: importer, authors, editor and owners (S1)."""
    automation, answers = content.automation, content.automation.requested_fields
    if content.version is None:
        yield submitter.pk, Capacity.IMPORTER
        yield from ((author.pk, Capacity.AUTHOR) for author in named)
    if content.registered is None or _is_amended(content.registered, automation):
        yield submitter.pk, Capacity.EDITOR
    for name, capacity in zip(drafts.OWNERS, OWNING, strict=True):
        for person_id in (getattr(automation, f"{name}_id"), answers[f"{name}_id"]):
            if person_id is not None:
                yield person_id, capacity


def _is_amended(registered: Automation, automation: Automation) -> bool:
    names = ("name", "purpose", "business_owner_id", "technical_owner_id", "amendment", "escalation_contact")
    return any(getattr(registered, name) != getattr(automation, name) for name in names)


def _items_by_row(wanted: Iterable[RequestedItem], resolution: Resolution) -> dict[str, RequestedItem]:
    """Return all requested items by row key."""
    draft_keys = {privilege.key: key for key, privilege in resolution.privileges.items()}
    rows = {}
    for item in wanted:
        if item.privilege is not None:
            rows[row_key(draft_keys[item.privilege.key])] = item
        elif item.credential is not None:
            rows[row_key(import_resolution.credential_draft_key(item.credential))] = item
    return rows


def _row(
    key: str, group: str, requested: RequestedItem, why: str, request: ItemRequest, plan: Plan, resolution: Resolution
) -> PreviewRow:
    connection, is_named, said_no, proposed = "", True, "", ""
    privilege, credential = requested.privilege, requested.credential
    resource = credential.decided_on if credential is not None else None
    if privilege is not None:
        place = (privilege.connector, privilege.instance)
        resource = privilege.entitlement.resource
        on = resolution.resources[place]
        connection = import_resolution.binding_name(place) if place in resolution.nameable else ""
        is_named = on.pk is not None and not on.unresolved
        said_no, proposed = resolution.refusal_of(place), resolution.proposal_of(place)
    approval = plan.approval_of(requested)
    seats = tuple(plan.route.standing(approval.row)) if approval is not None else ()
    problems = tuple(problem for problem in plan.problems if problem.key == requested.key)
    blocking = tuple(problem for problem in problems if problem.kind != "justification")
    asked_of = "" if blocking else _asked_of(requested, seats, plan.context)
    if request.is_left_out:
        asked_of = "Not requested"
    longest_term, data_class = plan.context.policy.longest_term(requested.tier), _data_class(requested, resource, plan)
    judged = (resource, approval, seats, blocking, blocking == problems, asked_of, data_class, longest_term)
    return PreviewRow(key, group, requested, why, request, *judged, connection, is_named, said_no, proposed)


def _asked_of(requested: RequestedItem, seats: Iterable[SeatState], context: PlanContext) -> str:
    """The first deciders: people, or policy on the light path."""
    if not requested.why:
        return "Held already"
    if context.light:
        return f"Policy version {context.policy.version.number}"
    return people_words(next((seat.may_decide for seat in seats if seat.label != SeatLabel.SECURITY), ()))


def _data_class(requested: RequestedItem, resource: Resource | None, plan: Plan) -> str:
    privilege = requested.privilege
    if privilege is None:
        return resource.counted_class if resource is not None else DataClass.RESTRICTED
    return DataClass.RESTRICTED if privilege.key in plan.context.unvouched else privilege.entitlement.counted_class


def _refusal(
    preview: Preview, actor: Actor, relations: ReaderRelations | None, *, is_elsewhere: bool
) -> Refusal | None:
    """Return why this person may not import or submit it, from the operations that would run.

    The import may also make a party of an approver of the submission that it continues (S1). An unchanged import submits
    nothing, so no duty stands against it.
    """
    registered, under_way, now = preview.content.registered, preview.context.before, preview.context.now
    refusal = confirmation.confirm_import.refusal(preview.team, actor=actor, now=now, context=relations)
    if refusal is None and is_elsewhere:
        refusal = confirmation.ELSEWHERE
    if refusal is None and registered is not None:
        refusal = submit.refusal(registered, actor=actor, now=now)
    if preview.is_repeat:
        return refusal if refusal is not None and refusal.kind != "duty" else None
    if refusal is not None or under_way is None:
        return refusal
    asked = preview.content.automation.requested_fields
    person_ids = {person.pk for person in (*actor.people, *preview.authors)}
    person_ids |= {asked[f"{name}_id"] for name in drafts.OWNERS} - {None}
    people = Person.objects.filter(pk__in=person_ids).exclude(pk__in=under_way.parties.values("person"))
    return duties.joining_refusal(under_way, list(people.order_by("pk")), actor)


def _earlier_justifications(context: PlanContext, items: Mapping[str, RequestedItem]) -> dict[str, str]:
    """The last justification of each row, to prefill the form: of the automation, or else of the version that it promotes (I10)."""
    rows, earlier = {item.key: row for row, item in items.items()}, dict[str, str]()
    below, registered = context.promoted_from, context.content.registered
    if below is not None:
        texts = _justifications(below.automation_id)
        pairs = pair_across(privileges_of(below), context.content.privileges)[0]
        earlier = {rows[now.key]: texts[was.key] for was, now in pairs if was.key in texts}
    if registered is not None:
        earlier |= {rows[key]: text for key, text in _justifications(registered.pk).items() if key in rows}
    return earlier


def _justifications(automation: int) -> dict[str, str]:
    """The last justification of each privilege and credential that an automation asked for, by key."""
    approvals = Approval.objects.filter(submission__automation=automation, justification__isnull=False).order_by("pk")
    columns = approvals.values_list("privilege__key", "credential_id", "justification__text")
    return {
        key or credential_key(credential): text
        for key, credential, text in columns
        if text and not text.startswith(USES_PREFIX)
    }


def privileges_of(version: Version) -> list[Privilege]:
    """Return the privileges of a version, loaded for a comparison."""
    return list(version.privileges.select_related("entitlement__resource", "credential"))


def drift(preview: Preview) -> VersionDiff | None:
    """Return the differences to the version that it is compared with, or None (I7)."""
    if preview.base is None:
        return None
    return diff_privileges(privileges_of(preview.base), preview.content.privileges, across=preview.is_across)
