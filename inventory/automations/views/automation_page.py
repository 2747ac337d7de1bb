"""Context of an automation's page. Higher apps draw the panels for grants, submissions and reviews."""

from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.http import QueryDict
from django.urls import reverse

from governance.core.access import Actor
from governance.web.components import state_words
from governance.web.pages.page import Shape, offered, timeline_context
from inventory.automations import lineages, panels
from inventory.automations import queries as automation_queries
from inventory.automations.rules import ReaderRelations, reader_relations
from inventory.automations.transitions import lifecycle
from inventory.automations.transitions.transfers import request_transfer
from inventory.automations.views import reach, reasons, transfers
from inventory.imports.transitions import confirmation
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    ImportItem,
    ImportState,
    NonHumanIdentity,
    Privilege,
    Version,
)
from inventory.ownership.views import interim_owners
from inventory.versions import findings
from inventory.versions import views as version_views

TABS = (
    ("overview", "Overview"),
    ("privileges", "Privileges"),
    ("versions", "Versions"),
    ("submissions", "Submissions"),
    ("grants", "Grants"),
    ("recertifications", "Recertifications"),
    ("timeline", "Timeline"),
)
#: Panels with an address of their own: tab, URL name, title and element id. The overview shows connected automations
#: and grants too.
PANELS = (
    ("submissions", "automation_submissions", "Submissions", "submissions"),
    ("grants", "automation_grants", "Grants", "grants"),
    ("chain", "automation_chain", "Connected automations", "chain"),
    ("recertifications", "automation_items", "Recertifications", "items"),
)
#: Look of a finding by severity, the most severe first.
SEVERITY = {
    "high": {"icon": "warning", "tone": "high"},
    "medium": {"icon": "warning", "tone": "wait"},
    "low": {"icon": "info", "tone": ""},
}
#: Operations besides `_head_actions` with an address of their own, by the name of the address in the context.
LINKS = (
    (request_transfer, "automation_transfer", {"name": "transfer_href"}),
    (lifecycle.retire, "automation_retire", {"name": "retire_href"}),
    (confirmation.raise_tier, "automation_raise", {"name": "raise_href"}),
)


def automation_context(automation: Automation, actor: Actor, now: datetime, query: QueryDict) -> Shape:
    """Context of ``inventory/automations/automation.html`` for the tab that the address names."""
    tab = query.get("tab", "overview")
    tab = tab if tab in dict(TABS) else "overview"
    newest, reader = _newest_version(automation, actor), reader_relations(automation, actor, now)
    context: Shape = {
        "automation": automation,
        "team_href": f"{reverse('automation_list')}?team={automation.team_id}",
        "head": _head(automation, newest, actor, now, reader),
        **_next_step(automation, newest, actor, now),
        "ownerless": interim_owners.interim_banner(automation, actor, now),
        "in_conflict": panels.supplied(panels.CONFLICTS, automation, actor, now),
        "tabs": _tabs(automation, newest, tab),
        "tab": tab,
        "panels": [
            {"href": reverse(name, args=[automation.pk]), "title": title, "id": ident}
            for key, name, title, ident in PANELS
            if key in (("chain", "grants") if tab == "overview" else (tab,))
        ],
    }
    if tab == "overview":
        context |= _overview(automation, automation.approved_version or newest, actor, now)
        context |= {
            link["name"]: link["href"] for link in offered(automation, LINKS, actor=actor, now=now, context=reader)
        }
    elif tab == "privileges":
        context |= _privileges(newest, now)
    elif tab == "versions":
        context |= version_views.versions_context(automation, query.get("version", ""))
    elif tab == "timeline":
        context |= timeline_context(automation, actor=actor, now=now, limit=100)
    return context


def _newest_version(automation: Automation, actor: Actor) -> Any:
    """Newest version with its number of privileges (``asked``), submissions (``submitted``), the state of the last one
    (``outcome``) and the reader's open import (``preview``), or None; one query.
    """
    is_open = (ImportState.PREVIEW, ImportState.CONFIRMED)  # it can be finished and submitted
    own_items = ImportItem.objects.filter(version=OuterRef("pk"), batch__by=actor.person, progress__in=is_open)
    versions = automation.versions.annotate(
        asked=Count("privileges", distinct=True),
        submitted=Count("automation__submissions", distinct=True),
        outcome=Subquery(automation.submissions.order_by("-pk").values("state")[:1]),
        preview=Subquery(own_items.order_by("-pk").values("pk")[:1]),
    )
    return versions.order_by("-number").first()


def _tabs(automation: Automation, newest: Any, current: str) -> list[Shape]:
    counts = {"privileges": newest.asked, "versions": newest.number, "submissions": newest.submitted} if newest else {}
    address = f"{automation.href}?tab="
    return [
        {"key": key, "label": label, "href": address + key, "current": key == current, "count": counts.get(key, 0)}
        for key, label in TABS
    ]


def privileges_of(version: Version | None) -> list[Privilege]:
    """Privileges of a version, with the relations that the page draws; one query."""
    if version is None:
        return []
    return list(version.privileges.select_related("entitlement__resource__owner", "credential").order_by("pk"))


def blast_radius(automation: Automation, now: datetime) -> list[Shape]:
    """Access that a stop affects (G5), shown before the button."""
    grants = automation_queries.grants_of(automation, now=now)[automation.pk]
    held = [(p, grants[p.key]) for p in privileges_of(automation.approved_version) if p.key in grants]
    uses = [
        (grant.level_of(p), p.sentence_of(grant.scope, grant.level), p.entitlement.counted_class)
        for p, grant in held
        if grant.state == automation_queries.ACTIVE
    ]
    return reasons.use_reasons(uses) or [{"icon": "info", "lead": "It holds nothing now.", "text": ""}]


def _head(automation: Automation, newest: Any, actor: Actor, now: datetime, reader: ReaderRelations) -> Shape:
    is_live = automation.state == AutomationState.LIVE
    state: str = automation.state
    if state == AutomationState.DRAFT and newest is not None and newest.outcome in state_words.STATES["automation"]:
        state = newest.outcome  # the last submission was rejected, withdrawn or declined, or has expired
    word = state_words.state_word("automation", state)
    number = f", version {automation.approved_version.number}" if automation.approved_version else ""
    kind, technical = automation.get_kind_display(), automation.technical_owner
    kind = kind if kind[:2].isupper() else kind.lower()  # "AI app" stays
    actions = _head_actions(automation, actor, now, reader)
    has_stop = not is_live or any(action["label"] == "Stop" for action in actions)
    return {
        "title": automation.name,
        "tier": automation.tier,
        "seal": "full" if is_live else "left" if automation.state == AutomationState.IN_REVIEW else "none",
        "seal_tone": "ok" if is_live else "",
        "tag": {"text": f"{word.text}{number}", "tone": word.tone},
        "facts": [
            f"{automation.platform_name} {kind}, {automation.get_environment_display().lower()}",
            f"Business owner {automation.business_owner.name}",
            f"Technical owner {technical.name}" if technical else "No technical owner",
            *([] if has_stop else ["Its owners, its team’s leads, security or on-call can stop it"]),
        ],
        "actions": actions,
    }


def _head_actions(automation: Automation, actor: Actor, now: datetime, reader: ReaderRelations) -> list[Shape]:
    """At most two actions: the switch for its state, and the edit form."""
    lift, words = lifecycle.request_resume, "Ask to lift the stop"
    if automation.resume_asked_by_id:
        lift, words = lifecycle.resume, "Lift the stop"
    offers = (
        (lift, "automation_resume", {"label": words, "icon": "check"}),
        (confirmation.amend_automation, "automation_amend", {"label": "Change", "icon": "pen"}),
    )
    actions = offered(automation, offers, actor=actor, now=now, context=reader)
    if lifecycle.stop.refusal(automation, actor=actor, now=now, context=reader) is None:
        href = reverse("automation_stop", args=[automation.pk])
        actions.insert(0, {"label": "Stop", "icon": "ring-cross", "kind": "danger", "post": href})
    return actions[:2] if len(actions) == 3 else actions


def _next_step(automation: Automation, newest: Any, actor: Actor, now: datetime) -> Shape:
    """Context of ``inventory/automations/next_step.html``."""
    can_be_ahead = automation.state in (AutomationState.DRAFT, AutomationState.LIVE)
    is_ahead = can_be_ahead and newest is not None and automation.approved_version_id != newest.pk
    is_waiting = automation.state == AutomationState.IN_REVIEW or (is_ahead and newest.submitted)
    return {
        "next": transfers.transfer_banner(automation, actor, now),
        "ahead": newest if is_ahead else None,
        "is_waiting": is_waiting,
        "held": panels.supplied(panels.WAITING, automation, actor, now) if is_waiting else (),
    }


def _overview(automation: Automation, shown: Version | None, actor: Actor, now: datetime) -> Shape:
    held, identities = privileges_of(shown), _identities(shown, actor, now)
    assessment = shown.latest_assessment if shown else None
    picture = None
    if held and shown:
        grants = automation_queries.grants_of(automation, now=now)[automation.pk]
        picture = reach.automation_reach(automation, shown, held, identities, grants)
    above, promote = lineages.environments_above(automation), confirmation.confirm_import
    may_promote = bool(above) and promote.refusal(automation.team, actor=actor, now=now) is None
    return {
        "reach": picture,
        "platform": automation.platform_name,
        "authors": version_views.author_rows(shown),
        "siblings": lineages.siblings_of(automation, among=Automation.objects.visible_to(actor, now)),
        "promote_href": reverse("promote", args=[automation.pk]) if may_promote else "",
        "unanswered": [each for each, is_seen in identities if is_seen and each.is_ownerless(now)],
        "amendment": _amendment_rows(automation),
        "tier": assessment.tier if assessment else automation.tier,
        "reasons": [{"icon": "warning", "text": text} for text in (assessment.reasons if assessment else [])],
        "findings": _findings(assessment),
    }


def _identities(shown: Version | None, actor: Actor, now: datetime) -> list[tuple[NonHumanIdentity, bool]]:
    """Identities of a version besides its credentials, each with whether the reader may open its page: at most two queries.

    An identity that serves the automation is visible with it. The others are looked for.
    """
    if shown is None:
        return []
    used = shown.version_identities.select_related("identity__owner", "identity__interim__person")
    identities = [row.identity for row in used]
    seen_ids = {identity.pk for identity in identities if identity.automation_id == shown.automation_id}
    others = {identity.pk for identity in identities} - seen_ids
    if others:
        seen = NonHumanIdentity.objects.visible_to(actor, now).filter(pk__in=others)
        seen_ids.update(seen.values_list("pk", flat=True))
    return [(identity, identity.pk in seen_ids) for identity in identities]


def _amendment_rows(automation: Automation) -> list[Shape]:
    """Fields that wait for stage 1, as rows of label, before, after; people by name."""
    if not automation.amendment:
        return []
    named = {name: value for name, value in automation.amendment.items() if name.endswith("_owner_id") and value}
    people = dict(type(automation.business_owner).objects.filter(pk__in=named.values()).values_list("pk", "name"))
    rows = []
    for name, value in automation.amendment.items():
        before: Any = getattr(automation, name)
        if name.endswith("_owner_id"):
            owner = getattr(automation, name.removesuffix("_id"))
            before, value = (owner.name if owner else "nobody"), people.get(value, "nobody")
        label = name.removesuffix("_id").replace("_", " ").capitalize()
        rows.append({"label": label, "before": str(before), "after": str(value)})
    return rows


def _findings(assessment: Assessment | None) -> list[Shape]:
    """Findings of a version, the most severe first, for ``components/reasons.html``."""
    rows, order = assessment.findings.filter(state="open")[:60] if assessment is not None else (), list(SEVERITY)
    ranked = sorted(rows, key=lambda row: order.index(row.severity) if row.severity in order else len(order))
    return [
        {"lead": f"{findings.finding_label(row.code)}.", "text": row.detail, "code": row.place}
        | SEVERITY.get(row.severity, SEVERITY["low"])
        for row in ranked
    ]


def _privileges(newest: Version | None, now: datetime) -> Shape:
    assessment = newest.latest_assessment if newest else None
    related = (f"credential__{way}" for way in ("kept_in__owner", "opens__owner", "owner", "interim__person"))
    used = list(newest.version_credentials.select_related(*related).order_by("pk")) if newest else []
    return {
        "version": newest,
        "privileges": automation_queries.privilege_rows(privileges_of(newest), assessment),
        "credentials": automation_queries.credential_rows(used, assessment),
        "ownerless_ids": {row.credential_id for row in used if row.credential.is_ownerless(now)},
    }
