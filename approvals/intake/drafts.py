"""Drafts: a builder's answers about an import, saved with its preview on every change, and the rows that they name (I7).

A draft is a person's note and not a governed row: it has no history and no ledger event (H7). `confirmation.confirm_import` and
`submit.submit` write its content. Deleted and invisible rows are left out.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from governance.core.access import Actor, Refusal
from governance.core.database.grouping import grouped
from governance.core.models import Person, Team
from inventory.automations import lineages
from inventory.importers.connectors import canonical_connector
from inventory.importers.manifest import Manifest, Privilege, binding_key, privilege_key
from inventory.imports import resolution
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, AutomationState, Binding, Environment, Resource, ResourceState, Version
from inventory.models.import_batch import ImportBatch, ImportItem, ImportState
from inventory.resources.queries import RESOURCE_RELATIONS

#: Maximum size of an upload whose automations are listed one by one.
FEW = 5
#: Maximum length of a justification, in characters.
LONGEST_WHY = 300
_NO_TEAM_WORDS = "You belong to no team, and an automation is built for one."
#: Refuses an import by a person of no team.
NO_TEAM = Refusal("I1", "permission", _NO_TEAM_WORDS, "Ask an admin to add you to yours.")


def row_key(name: str) -> str:
    """Short key for form fields and element ids: 12 hex digits of a draft key, or of a connection's name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _is_number(text: str, digits: int) -> bool:
    """Whether a text is a whole number of at most so many digits."""
    return text.isascii() and text.isdecimal() and len(text) <= digits


def is_term(text: str) -> bool:
    """Whether a form value is a valid term: empty for the maximum, or a number of days."""
    return not text or (_is_number(text, 4) and int(text) > 0)


def privilege_row(privilege: Privilege) -> str:
    """Row key of a privilege of a manifest."""
    return row_key(privilege_key(privilege, ""))


def connections(manifest: Manifest) -> dict[str, str]:
    """Connections of a manifest: names as in `resolution.binding_name`, by the key of each row that uses one."""
    named = [privilege for privilege in manifest.privileges if privilege.instance]
    return {privilege_row(privilege): resolution.binding_name(binding_key(privilege)) for privilege in named}


@dataclass(frozen=True)
class Draft:
    """The builder's answers as typed. Readers check them against the database.

    Args:
        team: id of the team that owns the automation.
        automation: id of the automation that a source without an id of its own updates.
        sibling: id of the automation in another environment that a new one is promoted from; 0 for none (I10).
        promotes: id of the version whose promotion started the draft.
        fields: `name`, `purpose`, `environment`, `escalation_contact` as text, `business_owner` and `technical_owner` as ids.
        why: justification by row key.
        reasons: justification of the rows of a connection without an own one, by the connection's row key.
        left_out: keys of rows that the builder does not request.
        term: term in days of the rows without an own one; None for the maximum of the tier.
        terms: term in days by row key.
        chosen: id of the resource that a connection opens, by `resolution.binding_name`; 0 for none.
        by_hand: posted data of the form for a manual description, to show it again.
    """

    team: int | None = None
    automation: int | None = None
    sibling: int | None = None
    promotes: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    term: int | None = None
    terms: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, int] = field(default_factory=dict)
    by_hand: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, item: ImportItem) -> Draft:
        """Load the draft of a preview."""
        kept = item.draft
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if kept.get(name) is not None})

    @property
    def is_typed(self) -> bool:
        """Whether it has answers of the automation's own."""
        return bool(self.fields or any(self.chosen.values()) or self.automation)

    def with_rows(self, posted: Mapping[str, str], manifest: Manifest) -> Draft:
        """Return the draft with a form's answers about rows.

        Args:
            posted: form data ``why-KEY``, ``reason-KEY``, ``leave-KEY``, ``term-KEY`` and ``bind-KEY``; missing rows stay
                unchanged.
            manifest: the manifest that has the rows.
        """
        why, terms, chosen = dict(self.why), dict(self.terms), dict(self.chosen)
        reasons, left_out = dict(self.reasons), set(self.left_out)
        names = connections(manifest)
        for name, value in posted.items():
            kind, _, key = name.partition("-")
            if len(key) != 12:
                continue
            if kind == "why":
                why[key] = value[:LONGEST_WHY]
            elif kind == "reason":
                reasons[key] = value[:LONGEST_WHY]
            elif kind == "leave":
                left_out = left_out | {key} if value else left_out - {key}
            elif kind == "term":
                # Without a number of days the term is the maximum of the tier.
                terms.pop(key, None)
                terms |= {key: int(value)} if _is_number(value, 4) else {}
            elif kind == "bind" and key in names:
                chosen[names[key]] = int(value) if _is_number(value, 18) else 0
        term = posted.get("term", "")
        kept = (int(term) if _is_number(term, 4) else None) if "term" in posted else self.term
        rows = replace(self, why=why, reasons=reasons, left_out=sorted(left_out))
        return replace(rows, term=kept, terms=terms, chosen=chosen)


def keep(item: ImportItem, draft: Draft, team: Team | None) -> None:
    """Save a draft with its preview.

    Raises:
        OutOfTurn: the preview is confirmed or discarded.
    """
    previews.save_draft(item, asdict(draft), team=team)


def drafts_of(person: Person) -> QuerySet[ImportItem]:
    """Return a person's unconfirmed previews, newest first. Previews of a large upload are on the upload's page."""
    own = ImportItem.objects.filter(batch__by=person, progress=ImportState.PREVIEW)
    return own.filter(Q(batch__size__lte=FEW) | Q(version__isnull=False)).order_by("-pk")


def create_preview(
    manifest: Mapping[str, Any], draft: Draft, *, by: Person, team: Team, now: datetime, **more: Any
) -> ImportItem:
    """Create a preview without a file: of a manual description, or of a registered version.

    Args:
        manifest: in the form of `Manifest.to_dict`.
        draft: the first answers.
        by: the person who owns the preview.
        team: the team that owns the automation.
        now: business time.
        more: further fields of the preview.
    """
    with transaction.atomic():
        batch = ImportBatch.objects.create(by=by, at=now)
        return ImportItem.objects.create(
            batch=batch, team=team, manifest=manifest, draft=asdict(draft), created_at=now, **more
        )


def preview_of_version(version: Version, *, by: Person, team: Team, now: datetime) -> ImportItem:
    """Return the person's open preview of a registered version, or create one in the version's environment.

    Args:
        version: with its automation.
        by: the person who owns the preview.
        team: the team that owns the automation.
        now: business time.
    """
    open_previews = ImportItem.objects.filter(version=version, progress=ImportState.PREVIEW, batch__by=by)
    draft = Draft(fields={"environment": version.automation.environment})
    return open_previews.order_by("-pk").first() or create_preview(
        version.manifest, draft, by=by, team=team, now=now, secrets=version.secrets, version=version
    )


def following_preview(item: ImportItem) -> ImportItem | None:
    """Return the preview that continues a confirmed one, or None."""
    later = ImportItem.objects.filter(batch=item.batch_id, version=item.version_id, progress=ImportState.PREVIEW)
    return later.filter(pk__gt=item.pk).order_by("-pk").first()


def preview_to_continue(item: ImportItem, now: datetime) -> ImportItem:
    """Return the preview to continue: itself, or the one that follows a confirmed one.

    A confirmed preview does not change. Later answers go to a new preview of the same manifest.
    """
    if item.progress != ImportState.CONFIRMED:
        return item
    if (following := following_preview(item)) is not None:
        return following
    names = ("batch", "team", "filename", "manifest", "secrets", "draft", "version")
    return ImportItem.objects.create(created_at=now, **{name: getattr(item, name) for name in names})


OWNERS = ("business_owner", "technical_owner")
#: Connectors to any host or server: another connection opens another resource.
ANY_HOST = frozenset({"httpRequest", "graphql", "webhook", "mcp", "mcp_server", "code"})


def environment_of(draft: Draft) -> str:
    """Environment of the draft; production by default."""
    environment = str(draft.fields.get("environment") or "")
    return environment if environment in Environment.values else Environment.PRODUCTION


def named_by(item: ImportItem, draft: Draft, team: Team) -> Automation | None:
    """Return the automation that the draft names, or else the one that the preview was confirmed for."""
    if draft.automation:
        return Automation.objects.filter(pk=draft.automation, team=team, external_id="").first()
    return item.version.automation if item.version is not None else None


def sibling_of(registered: Automation | None, manifest: Manifest, draft: Draft, team: Team) -> Automation | None:
    """Return the automation of another environment that a new one belongs to: certain, named, or likely (I10)."""
    if registered is not None:
        return None
    environment = environment_of(draft)
    sibling = lineages.certain_sibling(team, manifest, environment)
    if sibling is not None or draft.sibling == 0:
        return sibling
    if draft.sibling is not None:
        return lineages.chosen_sibling(team, draft.sibling, environment)
    return lineages.likely_sibling(team, manifest, environment)


def usual_resources(manifest: Manifest) -> dict[str, int]:
    """Propose the one resource that all confirmed connections of the same connector open, by connection (I8).

    Only for connections with a stored credential: a host or a server stands for itself.
    """
    named = {
        binding_key(use) for use in manifest.privileges if use.credential and use.instance == use.credential.external_id
    }
    keys = {key for key in named if key[1] and canonical_connector(key[0]) not in ANY_HOST}
    confirmed = Binding.objects.filter(connector__in={key[0] for key in keys}, confirmed_at__isnull=False)
    opened = grouped(confirmed.values_list("connector", "resource").order_by().distinct() if keys else ())
    return {resolution.binding_name(key): opened[key[0]][0] for key in keys if len(opened.get(key[0], ())) == 1}


def usual_owner(team: Team, people: Sequence[Person]) -> int | None:
    """Propose the business owner of the team's newest automation, if they may own another; else None."""
    newest = Automation.objects.filter(team=team).exclude(state=AutomationState.RETIRED).order_by("-pk")
    owner_id = newest.values_list("business_owner", flat=True).first()
    return owner_id if owner_id in {person.pk for person in people} else None


def initial_fields(registered: Automation | None, actor: Actor, sibling: Automation | None = None) -> dict[str, Any]:
    """Initial values of the form: the answers of the registered automation, or of the sibling that a new one is promoted from (I10).

    For any other new automation, the builder is the technical owner.
    """
    before = registered or sibling
    if before is None:
        return {"technical_owner": actor.person.pk if actor.person is not None else None}
    answers = {
        "purpose": before.requested_fields["purpose"],
        "business_owner": before.requested_fields["business_owner_id"],
        "technical_owner": before.requested_fields["technical_owner_id"],
        "escalation_contact": before.escalation_contact,
    }
    named = {} if registered is None else {"name": registered.name, "environment": registered.environment}
    return answers | named


def choosable_resources(actor: Actor, now: datetime) -> QuerySet[Resource]:
    """Resources that a connection may open, as far as the builder sees them."""
    return Resource.objects.visible_to(actor, now).resolved().exclude(state=ResourceState.RETIRED)


def chosen_resources(draft: Draft, actor: Actor, now: datetime) -> dict[str, Resource]:
    """Resources that the draft's connections open, by connection; only those that the builder may see."""
    if not draft.chosen:
        return {}
    seen = choosable_resources(actor, now).filter(pk__in=draft.chosen.values())
    rows = {row.pk: row for row in seen.select_related(*RESOURCE_RELATIONS)}
    return {name: rows[pk] for name, pk in draft.chosen.items() if pk in rows}


def fields_of(draft: Draft, builder: Person | None = None) -> dict[str, Any]:
    """Answers of a draft in the form that the register takes: people as rows, missing answers left out.

    Args:
        draft: the answers.
        builder: the builder, if loaded already; drafts often name the builder as an owner.
    """
    texts = ("name", "purpose", "environment", "escalation_contact")
    fields = confirmation.tidied({name: draft.fields[name] for name in texts if name in draft.fields})
    ids = {person_id for name in OWNERS if isinstance(person_id := draft.fields.get(name), int)}
    people = {builder.pk: builder} if builder is not None else {}
    if missing := ids - people.keys():
        people |= Person.objects.order_by().in_bulk(missing)
    return fields | {name: people.get(draft.fields[name] or 0) for name in OWNERS if name in draft.fields}


def with_draft_answers(
    registered: Automation | None, manifest: Manifest, draft: Draft, team: Team, actor: Actor
) -> Automation:
    """Return the automation with the draft's answers, unsaved. After the draft state, answers that stage 1 decides go to `amendment`.

    Args:
        registered: the automation as stored; None for a new one.
        manifest: manifest of the export.
        draft: the builder's answers.
        team: the team that owns it.
        actor: the importer; the business owner until one is named.
    """
    given = fields_of(draft, actor.person)
    if registered is None:
        owner = given.get("business_owner") or actor.person
        about = {**given, "environment": environment_of(draft), "business_owner": owner}
        return confirmation.new_automation(team, manifest, about)
    given.pop("escalation_contact", None)  # no review decides it
    if registered.state == AutomationState.DRAFT and given.get("business_owner") is None:
        given.pop("business_owner", None)  # the present one until another is named
    changed = copy.copy(registered)
    confirmation.change_fields(changed, given)
    return changed
