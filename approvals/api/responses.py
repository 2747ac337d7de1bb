"""Documents that the API returns, with the rows and words of the pages, and full addresses of pages."""

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict

from approvals.conflicts.rows import ConflictRow, list_rows
from approvals.intake.preview import remarks
from approvals.intake.preview.missing import missing_answers
from approvals.intake.preview.route import PreviewRoute, preview_route
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import Grant
from approvals.models.conflict_rule import Mode, Rating, Scope
from approvals.models.grant import EnforcedBy
from approvals.review.tier_reasons import group_reasons
from governance.core.access import Actor
from inventory.importers.manifest import manifest_digest
from inventory.models import Resource, Version


def address(path: str) -> str:
    """Return the full URL of a page; an empty text without a path."""
    return f"{settings.BASE_URL.rstrip('/')}{path}" if path else ""


#: The full URL of a page, made from its path.
Page = Annotated[str, AfterValidator(address)]


class ThingOut(Schema):
    """One holding that takes part in a conflict."""

    row: str = Field(description="The key of its row in a preview; empty in a submission, and for other access.")
    sentence: str = Field(
        description="What it may do. Of an automation that the token can't see, only that there is one."
    )


class LegOut(Schema):
    """One side of a conflict and its holdings."""

    name: str
    things: list[ThingOut]


class WaiverOut(Schema):
    """A waiver of a conflict."""

    until: datetime = Field(alias="ends_at")
    page: Page = Field(alias="href")


class Complete(Schema):
    """An answer in which every field stands, empty or not."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class ConflictOut(Complete):
    """A combination that a rule forbids and that would be held."""

    rule: str = Field(alias="rule.code", description="The rule's code.")
    version: int = Field(alias="found.standing.version.number", description="The rule's, which is the one in force.")
    title: str = Field(alias="rule.title")
    process: str = Field(alias="rule.process")
    rating: Rating = Field(alias="rule.rating")
    mode: Mode = Field(
        alias="rule.mode", description="The rule's: written down, one extra approval, from Security, or refused."
    )
    scope: Scope = Field(
        alias="rule.scope", description="What must not hold both: one automation, identity, owner, team or chain."
    )
    refused: bool = Field(
        alias="is_refused", description="Whether it keeps this from being submitted and from coming into force."
    )
    sentence: str = Field(alias="found.sentence", description="What is in conflict and why it matters.")
    does: str = Field(alias="effect", description="What follows, in words.")
    legs: list[LegOut]
    lacks: str = Field(
        "",
        alias="rule.without.name",
        description="The access that the rule requires and that is missing; empty if it requires none.",
    )
    resolve: str = Field(alias="way_out", description="What would resolve it; empty where a waiver lifts it.")
    waiver: WaiverOut | None = Field(
        alias="found.waiver", description="The waiver that lifts the conflict for now. A waived conflict stays visible."
    )
    page: Page = Field(alias="found.standing.version.href", description="The rule's.")


class Problem(Schema):
    """An error document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong, in words.")
    code: str = Field(description="The rule or duty, or what is wrong with the request.")
    to_do: str = Field(description="What can be done about it.")
    fields: list[dict[str, str]] = Field(description="`name` and `sentence` of each field with something wrong.")


class Named(Schema):
    """An object or a person, by id and name."""

    id: int | None
    name: str


class VersionOut(Schema):
    """One version. The deploy gate accepts either digest."""

    number: int
    manifest_digest: str
    source_digest: str


class AutomationOut(Schema):
    """One automation in its current state."""

    id: int
    name: str
    state: str
    tier: str
    environment: str
    team: Named
    page: Page = Field(alias="href")


class RowOut(Schema):
    """One privilege or credential that a version would hold."""

    key: str = Field(description="Names it when submitting.")
    kind: str
    sentence: str = Field(description="What it may do, in plain words.")
    scope: str = Field(description="What machines call it.")
    level: str
    data_class: str
    tier: str = Field(alias="requested.tier")
    reasons: list[str] = Field(alias="requested.reasons")
    recognised: bool = Field(
        alias="is_recognised", description="Whether the importer knew it; what it did not know is never guessed."
    )
    resource: Named | None
    is_named: bool = Field(description="Whether it is known what its connection opens.")
    is_asked: bool = Field(description="Whether it would be asked; what is held already is not.")
    asked_of: str
    justification: str = Field(alias="why")
    term_days: int = Field(alias="request.term_days")
    longest_term_days: int
    problems: list[str]

    @staticmethod
    def resolve_resource(row: PreviewRow) -> Resource | None:
        """Leave out a resource that is only guessed."""
        return row.resource if row.is_named else None

    @staticmethod
    def resolve_problems(row: PreviewRow) -> list[str]:
        """Take the sentences."""
        return [problem.sentence for problem in row.problems]


class Said(Schema):
    """One remark and its details."""

    lead: str = ""
    text: str
    place: str = ""


class AlikeOut(Schema):
    """An automation that may be the same as a new one."""

    automation: Named | None = Field(description="Null where it is another team's.")
    because: str = Field(description="source, or privileges.")


class PromotedOut(Schema):
    """A version of a lower environment that is promoted."""

    automation: Named
    environment: str = Field(alias="automation.environment")
    version: int = Field(alias="number")
    approved: bool = Field(description="Whether it is the approved version there, which counts there alone.")

    @staticmethod
    def resolve_approved(version: Version) -> bool:
        """Compare it with its automation's approved version."""
        return version.pk == version.automation.approved_version_id


class PreviewOut(Schema):
    """An export as it would be submitted now. Nothing is saved."""

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
    may_be_same_as: list[AlikeOut] = Field(description="Similar automations. The approver of the app answers (I9).")
    promoted_from: PromotedOut | None = Field(description="The version of a lower environment that it brings up (I10).")
    standing: str = Field(description="How it stands in the register already.")
    conflicts: list[ConflictOut] = Field(description="If all is approved (S6). A refused one blocks the submission.")
    missing: list[str] = Field(description="What keeps it from being submitted.")
    route: PreviewRoute


class BroughtOut(Schema):
    """Outcome of an import."""

    outcome: str = Field(description="new, changed, or unchanged: the same export again changes nothing.")
    automation: AutomationOut
    version: VersionOut
    preview: PreviewOut = Field(description="What submitting it would ask, and what is missing before.")


def preview_of(preview: Preview, actor: Actor) -> dict[str, Any]:
    """Return the `PreviewOut` of a preview, from the rows of its page. The caller may roll back its row afterwards.

    Args:
        preview: the preview to convert.
        actor: the caller. Holdings of other automations are named only if the token may see them.
    """
    content, likes, standing = preview.content, preview.context.likes, remarks.standing(preview)
    reasons = group_reasons(preview.context.app.reasons, [row.sentence for row in preview.privileges])
    return {
        **{name: getattr(content.automation, name) for name in ("name", "kind", "environment")},
        "format": content.manifest.source.format,
        "team": preview.team,
        "automation": content.registered,
        "version": content.version.number if content.version is not None else None,
        "manifest_digest": manifest_digest(content.manifest),
        "source_digest": content.manifest.source.content,
        "tier": preview.context.tier,
        "reasons": [reason.words for reason in reasons],
        "rows": preview.wanted,
        "secrets": list(remarks.secrets(preview)),
        "noticed": list(remarks.noticed(preview)),
        "changes": remarks.changes(preview),
        "may_be_same_as": [
            {"automation": like.other if like.other.team_id == preview.team.pk else None, "because": like.because}
            for like in (*likes.held, *likes.warned)
        ],
        "promoted_from": preview.context.promoted_from,
        "standing": standing.words if standing is not None else "",
        "conflicts": _conflicts(preview, actor),
        "missing": [remark.text for remark in missing_answers(preview)],
        "route": preview_route(preview),
    }


def _conflicts(preview: Preview, actor: Actor) -> list[ConflictRow]:
    pk = preview.content.automation.pk or 0
    privileges = ((row.key, row.requested.privilege) for row in preview.wanted)
    rows = {f"{pk}/{privilege.key}": key for key, privilege in privileges if privilege is not None}
    return list_rows(preview.context.conflicts, preview.conflict_words, actor, preview.context.now, rows)


class HeldOut(Complete):
    """One live grant. A credential has no resource and no code."""

    sentence: str
    kind: str
    resource: str = Field("", alias="entitlement.resource.name")
    code: str = Field("", alias="entitlement.code")
    level: str
    target: str
    scope: list[str]
    begins_at: datetime
    ends_at: datetime
    enforcement: str
    is_enforced: bool = Field(description="Whether something in the path stops it; what is detached is held elsewhere.")

    @staticmethod
    def resolve_is_enforced(grant: Grant) -> bool:
        """Compare the enforcement."""
        return grant.enforcement != EnforcedBy.DETACHED


class GateOut(Complete):
    """Whether a version may run, and with which privileges (A17)."""

    allowed: bool = Field(alias="may_run")
    code: str = Field(description="`OK`, or the first check that failed.")
    reason: str = Field(alias="sentence")
    to_do: str
    environment: str
    automation: Named | None = Field(None, alias="version.automation")
    page: Page = Field("", alias="version.automation.href")
    version: VersionOut | None
    privileges: list[HeldOut] = Field(alias="grants")
    without: list[str] = Field(description="What it asks for and may not use now.")
