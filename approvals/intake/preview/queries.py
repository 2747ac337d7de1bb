"""Load the preview of an import: the plan that submitting it would write (I7, I8, A1).

It reads the register and the draft, and writes nothing. The number of queries does not grow with the privileges.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from approvals.decisions.rules import duties
from approvals.intake import drafts
from approvals.intake.drafts import Draft, row_key
from approvals.intake.preview.rows import USES_PREFIX, Answers, Preview, PreviewRow
from approvals.models import Approval, Submission, credential_key
from approvals.models.submission import Capacity
from approvals.submissions.plan.context import PartyPair, PlanContext, VersionContent
from approvals.submissions.plan.plan import Plan
from approvals.submissions.transitions.submit import submit
from approvals.submissions.version_diff import RequestedItem
from governance.core.access import Actor, Refusal
from governance.core.models import Person, Team
from inventory.automations.rules import ReaderRelations
from inventory.importers.manifest import Manifest, manifest_digest, platform_name, sha256
from inventory.imports import resolution as import_resolution
from inventory.imports.resolution import Resolution
from inventory.imports.transitions import confirmation
from inventory.models import Automation, ImportItem, NonHumanIdentity, Privilege, Version
from inventory.ownership import parties
from inventory.versions.diff import VersionDiff, diff_privileges, pair_across

#: The import has the id of an automation of another team.
ELSEWHERE = Refusal(
    "I1",
    "permission",
    "An automation with this id is in the register already, and belongs to another team.",
    "Ask that team to import it.",
)


def read(
    item: ImportItem,
    *,
    actor: Actor,
    now: datetime,
    team: Team,
    draft: Draft | None = None,
    relations: ReaderRelations | None = None,
) -> Preview:
    """Load the preview of an import.

    Args:
        item: the preview's row.
        actor: the person who would submit it.
        now: business time.
        team: the team that owns it.
        draft: the builder's answers; default: the draft saved with the item.
        relations: of the actor to the team, if the caller has read them.
    """
    draft = draft or Draft.of(item)
    manifest = Manifest.from_dict(item.manifest)
    named = drafts.named_by(item, draft, team)
    environment = drafts.environment_of(draft)
    registered = confirmation.find_automation(team, manifest, environment=environment, named=named)
    is_elsewhere = registered is not None and registered.team_id != team.pk
    visible = Automation.objects.visible_to(actor, now)
    if registered is not None and is_elsewhere and not visible.filter(pk=registered.pk).exists():
        registered = None  # the page reports that one exists, without details (I1)
    if registered is not None and not is_elsewhere:
        registered.team = team  # with its leads
    sibling = None if is_elsewhere else drafts.sibling_of(registered, manifest, draft, team)
    begun = drafts.initial_fields(registered, actor, sibling)
    draft = replace(draft, fields={**begun, **draft.fields})
    resolution = _resolve(registered, manifest, draft, actor, now)
    automation = drafts.with_draft_answers(registered, manifest, draft, team, actor)
    if registered is None and sibling is not None:
        automation.lineage = sibling.lineage
    content = _content(automation, registered, manifest, resolution, actor)
    assert actor.person is not None  # only a person has a preview
    hint = manifest.source.owner_hint
    named_authors = sorted(parties.all_matches([hint]).get(hint, ()), key=lambda person: person.pk)
    joining = _joining_parties(content, actor.person, named_authors)
    context = PlanContext(content, submitter=actor.person, people=actor.people, now=now, more_parties=joining)
    keys = _row_keys(context.changes.wanted, resolution)
    said_before = _justifications_below(context, keys) | _earlier_justifications(registered, keys)
    asked = {key: wanted for key, wanted in keys.items() if wanted.why}
    answers = Answers(draft, said_before, context.policy, asked)
    made = Plan(context, answers.requests())
    base = context.promoted_from
    if registered is not None:
        base = registered.approved_version or registered.versions.order_by("-number").first() or base
    preview = Preview(
        item=item,
        draft=draft,
        team=team,
        plan=made,
        answers=answers,
        sibling=sibling,
        base=base,
        drift=_drift(base, content, is_across=base == context.promoted_from),
        wanted=tuple(_row(key, wanted, made, resolution) for key, wanted in keys.items()),
        begun=begun,
        authors=tuple(named_authors),
        refusal=_refusal(team, registered, actor, now, relations, is_elsewhere=is_elsewhere),
        runs_as=tuple(identity.subject for identity in content.identities if identity.pk is None),
    )
    return _check_joining(preview, actor)


def _resolve(
    registered: Automation | None, manifest: Manifest, draft: Draft, actor: Actor, now: datetime
) -> Resolution:
    """Resolve the manifest against the register, without identities that the reader does not see."""
    resolution = import_resolution.resolve_manifest(
        manifest,
        platform_instance=platform_name(manifest),
        chosen=drafts.chosen_resources(draft, actor, now),
        automation=registered,
        by=actor.person,
    )
    resolution.identities = _hide_unseen(resolution.identities, actor, now)
    return resolution


def _hide_unseen(identities: Sequence[NonHumanIdentity], actor: Actor, now: datetime) -> list[NonHumanIdentity]:
    """Replace identities that the reader may not see with unregistered ones (I5).

    Anyone can type a name into a file. The submitter sees what else runs as the identity, and that is recorded.
    """
    registered_ids = {identity.pk for identity in identities if identity.pk is not None}
    if not registered_ids:
        return list(identities)
    seen = NonHumanIdentity.objects.visible_to(actor, now).filter(pk__in=registered_ids)
    seen_ids = set(seen.values_list("pk", flat=True))
    return [
        identity
        if identity.pk is None or identity.pk in seen_ids
        else NonHumanIdentity(kind=identity.kind, issuer=identity.issuer, subject=identity.subject)
        for identity in identities
    ]


def _content(
    automation: Automation, registered: Automation | None, manifest: Manifest, resolution: Resolution, actor: Actor
) -> VersionContent:
    privileges = list(resolution.privileges.values())
    return VersionContent(
        automation=automation,
        registered=registered,
        version=_find_version(registered, manifest, privileges),
        manifest=manifest,
        privileges=privileges,
        credentials=list(resolution.credentials.values()),
        triggers=resolution.triggers,
        identities=resolution.identities,
        bindings=resolution.as_bound(actor.person),
    )


def _find_version(registered: Automation | None, manifest: Manifest, held: Iterable[Privilege]) -> Version | None:
    if registered is None:
        return None
    bound = sha256(sorted(privilege.key for privilege in held))
    return registered.versions.filter(manifest_digest=manifest_digest(manifest), binding_digest=bound).first()


def _joining_parties(content: VersionContent, submitter: Person, named: Iterable[Person]) -> Iterator[PartyPair]:
    """Yield the parties that importing and submitting adds: importer, authors, editor and owners (S1)."""
    automation, answers = content.automation, content.automation.asked
    if content.version is None:
        yield submitter.pk, Capacity.IMPORTER
        yield from ((author.pk, Capacity.AUTHOR) for author in named)
    if content.registered is None or _is_amended(content.registered, automation):
        yield submitter.pk, Capacity.EDITOR
    for name, capacity in (("business_owner", Capacity.BUSINESS_OWNER), ("technical_owner", Capacity.TECHNICAL_OWNER)):
        for person_id in (getattr(automation, f"{name}_id"), answers[f"{name}_id"]):
            if person_id is not None:
                yield person_id, capacity


def _is_amended(registered: Automation, automation: Automation) -> bool:
    names = ("purpose", "business_owner_id", "technical_owner_id", "amendment", "escalation_contact")
    return any(getattr(registered, name) != getattr(automation, name) for name in names)


def _row_keys(wanted: Iterable[RequestedItem], resolution: Resolution) -> dict[str, RequestedItem]:
    """Return all requested items by row key."""
    draft_keys = {privilege.key: key for key, privilege in resolution.privileges.items()}
    rows = {}
    for item in wanted:
        if item.privilege is not None:
            rows[row_key(draft_keys[item.privilege.key])] = item
        elif item.credential is not None:
            rows[row_key(import_resolution.credential_draft_key(item.credential))] = item
    return rows


def _row(key: str, requested: RequestedItem, made: Plan, resolution: Resolution) -> PreviewRow:
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
    approval = made.approval_of(requested) if requested.why else None
    return PreviewRow(
        key=key,
        requested=requested,
        resource=resource,
        approval=approval,
        seats=tuple(made.route.standing(approval.row)) if approval is not None else (),
        connection=connection,
        is_named=is_named,
        problems=tuple(problem.sentence for problem in made.problems if problem.place == requested.key),
        said_no=said_no,
        proposed=proposed,
    )


def _refusal(
    team: Team,
    registered: Automation | None,
    actor: Actor,
    now: datetime,
    relations: ReaderRelations | None,
    *,
    is_elsewhere: bool,
) -> Refusal | None:
    """Return why this person may not import or submit it, from the operations that would run."""
    refusal = confirmation.confirm_import.refusal(team, actor=actor, now=now, context=relations)
    if refusal is not None or is_elsewhere:
        return refusal or ELSEWHERE
    return submit.refusal(registered, actor=actor, now=now) if registered is not None else None


def _check_joining(preview: Preview, actor: Actor) -> Preview:
    """Add a refusal if the import would make a party of an approver of the submission that it continues (S1).

    An unchanged import submits nothing, so it has no such refusal.
    """
    under_way, refusal = preview.context.before, preview.refusal
    if preview.is_repeat:
        return replace(preview, refusal=None) if refusal is not None and refusal.kind == "duty" else preview
    if refusal is not None or under_way is None:
        return preview
    joining = _people_who_join(under_way, preview, actor)
    return replace(preview, refusal=duties.joining_refusal(under_way, joining, actor))


def _people_who_join(under_way: Submission, preview: Preview, actor: Actor) -> list[Person]:
    asked = preview.content.automation.asked
    person_ids = {person.pk for person in (*actor.people, *preview.authors)}
    person_ids |= {asked[f"{name}_id"] for name in ("business_owner", "technical_owner")} - {None}
    people = Person.objects.filter(pk__in=person_ids).exclude(pk__in=under_way.parties.values("person"))
    return list(people.order_by("pk"))


def _privileges_of(version: Version) -> list[Privilege]:
    return list(version.privileges.select_related("entitlement__resource", "credential"))


def _drift(base: Version | None, content: VersionContent, *, is_across: bool) -> VersionDiff | None:
    if base is None:
        return None
    return diff_privileges(_privileges_of(base), content.privileges, across=is_across)


def _justifications_below(context: PlanContext, rows: Mapping[str, RequestedItem]) -> dict[str, str]:
    """Justifications of the same privileges in the lower environment, by row, to prefill the form (I10)."""
    below = context.promoted_from
    if below is None:
        return {}
    keys = {item.privilege.key: key for key, item in rows.items() if item.privilege is not None}
    pairs = pair_across(_privileges_of(below), context.content.privileges)[0]
    approvals = Approval.objects.filter(submission__automation=below.automation_id, justification__isnull=False)
    justifications = dict(approvals.order_by("pk").values_list("privilege__key", "justification__text"))
    return {keys[now.key]: justifications[was.key] for was, now in pairs if justifications.get(was.key)}


def _earlier_justifications(registered: Automation | None, rows: Mapping[str, RequestedItem]) -> dict[str, str]:
    """The last justification of each row that was asked before, to prefill the form."""
    if registered is None:
        return {}
    keys = {item.key: key for key, item in rows.items()}
    approvals = Approval.objects.filter(submission__automation=registered, justification__isnull=False).order_by("pk")
    return {
        keys[key or credential_key(credential)]: text
        for key, credential, text in approvals.values_list("privilege__key", "credential_id", "justification__text")
        if text and (key or credential_key(credential)) in keys and not text.startswith(USES_PREFIX)
    }
