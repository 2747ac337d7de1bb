"""What programs are answered: documents of the same rows and words that the pages draw."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse
from ninja import Field, Schema

from approvals.api.conflicts import ConflictOut, conflicts_of
from approvals.api.links import address
from approvals.grants.deploy_gate import GateAnswer
from approvals.intake.preview.rows import Preview, Wanted
from approvals.intake.views import preview_page, preview_rows
from approvals.intake.views.preview_rows import Form
from approvals.models import Grant
from approvals.models.grant import EnforcedBy
from governance.core.actors.actor import Actor
from governance.core.models import Person
from inventory.importers.manifest import manifest_digest
from inventory.models import Automation, Version


class Problem(Schema):
    """Why not, after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong, in words.")
    code: str = Field(description="The rule or duty, or what is wrong with the request.")
    to_do: str = Field(description="What can be done about it.")
    fields: list[dict[str, str]] = Field(description="`name` and `sentence` of each field with something wrong.")


class Named(Schema):
    """Something of the register, or a person: by id."""

    id: int | None
    name: str


class VersionOut(Schema):
    """One version. The gate is asked by either digest."""

    number: int
    manifest_digest: str
    source_digest: str

    @classmethod
    def of(cls, one: Version | None) -> VersionOut | None:
        """Of a row, or None."""
        if one is None:
            return None
        return cls(number=one.number, manifest_digest=one.manifest_digest, source_digest=one.source_digest)


class AutomationOut(Schema):
    """One automation as it stands."""

    id: int
    name: str
    state: str
    tier: str
    environment: str
    team: Named
    page: str

    @classmethod
    def of(cls, one: Automation) -> AutomationOut:
        """Of a row."""
        team = Named(id=one.team_id, name=one.team.name)
        return cls(
            id=one.pk,
            name=one.name,
            state=one.state,
            tier=one.tier,
            environment=one.environment,
            team=team,
            page=address(one.href),
        )


class RowOut(Schema):
    """One privilege or credential that a version would hold."""

    key: str = Field(description="Names it when submitting.")
    kind: str
    sentence: str = Field(description="What it may do, in plain words.")
    scope: str = Field(description="What machines call it.")
    level: str
    data_class: str
    tier: str
    reasons: list[str]
    recognised: bool = Field(description="Whether the importer knew it; what it did not know is never guessed.")
    resource: Named | None
    is_named: bool = Field(description="Whether it is known what its connection opens.")
    is_asked: bool = Field(description="Whether it would be asked; what is held already is not.")
    asked_of: str
    justification: str
    term_days: int
    longest_term_days: int
    problems: list[str]


class AskedPerson(Schema):
    """Who would be asked."""

    name: str
    capacity: str


class SeatOut(Schema):
    """A group of questions of stage 2 to the same people."""

    name: str
    capacity: str
    text: str
    due: datetime | None


class RouteOut(Schema):
    """Who would be asked for what, by when."""

    app: list[AskedPerson]
    app_text: str
    app_due: datetime | None
    seats: list[SeatOut]
    in_force: str
    is_enough: bool = Field(description="Whether enough distinct people are there for all of it together.")
    short: str
    skipped: list[str]


class Said(Schema):
    """One remark: what, and more about it."""

    lead: str
    text: str
    place: str = ""


class AlikeOut(Schema):
    """An automation that a new one may be the same as."""

    automation: Named | None = Field(description="Null where it is another team's.")
    because: str = Field(description="source, or privileges.")


class PromotedOut(Schema):
    """A version of a lower environment that is brought up."""

    automation: Named
    environment: str
    version: int
    approved: bool = Field(description="Whether it is the approved version there, which counts there alone.")

    @classmethod
    def of(cls, below: Version | None) -> PromotedOut | None:
        """Of a version with its automation; None of none."""
        if below is None:
            return None
        of = below.automation
        return cls(
            automation=Named(id=of.pk, name=of.name),
            environment=of.environment,
            version=below.number,
            approved=below.pk == of.approved_version_id,
        )


class PreviewOut(Schema):
    """An export as it would be submitted now. Nothing of it is kept."""

    name: str
    kind: str
    format: str
    team: Named
    environment: str
    automation: Named | None = Field(description="Of the register, where it is known already.")
    version: int | None = Field(description="Its number, where this very content is in the register.")
    manifest_digest: str
    source_digest: str
    tier: str
    reasons: list[str]
    rows: list[RowOut]
    secrets: list[Said] = Field(description="Secrets in the export: where they stand, never what they are.")
    noticed: list[Said]
    changes: list[Said] = Field(description="Against the version before it, or the one that it is promoted from.")
    may_be_same_as: list[AlikeOut] = Field(
        description="Of the register, alike: whoever decides the app says whether it is the same (I9)."
    )
    promoted_from: PromotedOut | None = Field(description="The version of a lower environment that it brings up (I10).")
    standing: str = Field(description="How it stands in the register already.")
    conflicts: list[ConflictOut] = Field(
        description="What may not be held together and would be, were all of it approved (S6). Refused ones keep it from being submitted."
    )
    missing: list[str] = Field(description="What keeps it from being submitted.")
    route: RouteOut


class BroughtOut(Schema):
    """What bringing in came to."""

    outcome: str = Field(description="new, changed, or unchanged: the same export again changes nothing.")
    automation: AutomationOut
    version: VersionOut
    preview: PreviewOut = Field(description="What submitting it would ask, and what is missing before.")


def preview_of(found: Preview, person: Person, actor: Actor) -> PreviewOut:
    """A preview as its page draws it; its row of the register may be undone afterwards.

    Args:
        found: as it would be submitted.
        person: who brings it in.
        actor: as whom they are here: of what others hold only that is named which a token lets them see.
    """
    page = preview_page.context(found, Form(about=forms.Form()), person)
    source, route = found.manifest.source, page["route"]
    app = route["app"]
    standing = page["standing"] or {}
    return PreviewOut(
        name=found.automation.name,
        kind=found.automation.kind,
        format=source.format,
        team=Named(id=found.team.pk, name=found.team.name),
        environment=found.automation.environment,
        automation=Named(id=found.known.pk, name=found.known.name) if found.known is not None else None,
        version=found.version.number if found.version is not None else None,
        manifest_digest=manifest_digest(found.manifest),
        source_digest=source.content,
        tier=found.tier,
        reasons=[f"{one['lead']} {one['text']}".strip() for one in page["reasons"]],
        rows=[_row(found, one, drawn) for one, drawn in zip(found.wanted, page["rows"], strict=True)],
        secrets=[Said(**_remark(one)) for one in page["secrets"]],
        noticed=[Said(**_remark(one)) for one in page["noticed"]],
        changes=[Said(**_remark(one)) for one in page["drift"]],
        may_be_same_as=[
            AlikeOut(
                automation=Named(id=one.other.pk, name=one.other.name) if one.other.team_id == found.team.pk else None,
                because=one.because,
            )
            for one in found.alike
        ],
        promoted_from=PromotedOut.of(found.promoted_from),
        standing=f"{standing.get('lead', '')} {standing.get('text', '')}".strip(),
        conflicts=_conflicts(found, actor),
        missing=[one["text"] for one in page["missing"]],
        route=RouteOut(
            app=[AskedPerson(**one) for one in app["people"]],
            app_text=app["text"],
            app_due=app.get("due"),
            seats=[SeatOut(**one) for one in route["seats"]],
            in_force=route["force"]["text"],
            is_enough=route["enough"],
            short=route["short"],
            skipped=route["skipped"],
        ),
    )


def _conflicts(found: Preview, actor: Actor) -> list[ConflictOut]:
    pk = found.automation.pk or 0
    privileges = ((one.key, one.asked.privilege) for one in found.wanted)
    rows = {f"{pk}/{privilege.key}": key for key, privilege in privileges if privilege is not None}
    return conflicts_of(found.conflicts, preview_page.conflict_words(found), actor, found.now, rows)


def _remark(one: dict[str, Any]) -> dict[str, str]:
    return {name: str(one.get(name) or "") for name in ("lead", "text", "place")}


def _row(found: Preview, one: Wanted, drawn: dict[str, Any]) -> RowOut:
    privilege, resource = one.asked.privilege, one.resource
    return RowOut(
        key=one.key,
        kind="credential" if privilege is None else "privilege",
        sentence=drawn["sentence"],
        scope=drawn["scope"],
        level=drawn["level"],
        data_class=found.counted_class(one) or "restricted",
        tier=one.asked.tier,
        reasons=list(one.asked.reasons),
        recognised=preview_rows.is_recognised(one),
        resource=Named(id=resource.pk, name=resource.name) if resource is not None and one.is_named else None,
        is_named=one.is_named,
        is_asked=one.is_asked,
        asked_of=drawn["asked_of"],
        justification=found.why(one),
        term_days=found.term(one),
        longest_term_days=found.policy.longest_term(one.asked.tier),
        problems=list(one.problems),
    )


class HeldOut(Schema):
    """One live grant."""

    sentence: str
    kind: str
    resource: str
    code: str
    level: str
    target: str
    scope: list[str]
    begins_at: datetime
    ends_at: datetime
    enforcement: str
    is_enforced: bool = Field(description="Whether something in the path stops it; what is detached is held elsewhere.")

    @classmethod
    def of(cls, one: Grant) -> HeldOut:
        """Of a row."""
        on = one.entitlement.resource if one.entitlement is not None else None
        return cls(
            sentence=one.sentence,
            kind=one.kind,
            resource=on.name if on is not None else "",
            code=one.entitlement.code if one.entitlement is not None else "",
            level=one.level,
            target=one.target,
            scope=list(one.scope),
            begins_at=one.begins_at,
            ends_at=one.ends_at,
            enforcement=one.enforcement,
            is_enforced=one.enforcement != EnforcedBy.DETACHED,
        )


class GateOut(Schema):
    """Whether a version may run, and with which privileges (A17)."""

    allowed: bool
    code: str = Field(description="`OK`, or the first check that failed.")
    reason: str
    to_do: str
    environment: str
    automation: Named | None
    page: str
    version: VersionOut | None
    privileges: list[HeldOut]
    without: list[str] = Field(description="What it asks for and may not use now.")

    @classmethod
    def of(cls, answer: GateAnswer, environment: str) -> GateOut:
        """Of the gate's answer."""
        version = answer.version
        of = version.automation if version is not None else None
        return cls(
            allowed=answer.may_run,
            code=answer.code,
            reason=answer.sentence,
            to_do=answer.to_do,
            environment=environment,
            automation=Named(id=of.pk, name=of.name) if of is not None else None,
            page=address(reverse("automation", args=[of.pk])) if of is not None else "",
            version=VersionOut.of(version),
            privileges=[HeldOut.of(one) for one in answer.grants],
            without=[one.sentence for one in answer.without],
        )
