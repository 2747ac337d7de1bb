"""The context of an automation's page. Grants, submissions and reviews are panels that higher apps draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Count, Exists, OuterRef, Subquery
from django.http import QueryDict
from django.urls import reverse

from governance.core.actors.actor import Actor
from governance.core.timeline import queries as timeline_queries
from governance.web.pages.ledger_links import ledger_href
from inventory.automations import conflict_status, review_status
from inventory.automations import queries as automation_queries
from inventory.automations.transitions import lifecycle
from inventory.automations.transitions.transfers import ask_transfer
from inventory.automations.views import environments, reach, reasons, transfers
from inventory.automations.views.environments import href
from inventory.importers import sentences
from inventory.imports.transitions import confirmation
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Credential,
    ImportItem,
    ImportState,
    NonHumanIdentity,
    Privilege,
    Version,
)
from inventory.ownership import queries as ownership_queries
from inventory.ownership.views import interim_owners
from inventory.versions import findings
from inventory.versions import views as version_views

Shape = dict[str, Any]

TABS = (
    ("overview", "Overview"),
    ("privileges", "Privileges"),
    ("versions", "Versions"),
    ("submissions", "Submissions"),
    ("grants", "Grants"),
    ("recertifications", "Recertifications"),
    ("timeline", "Timeline"),
)
#: What is drawn by itself, by higher apps most of it: the tab, the name of its address, its title, and the id of the part of that page.
#: The overview shows what it is joined with, and the grants too.
PANELS = (
    ("submissions", "automation_submissions", "Submissions", "submissions"),
    ("grants", "automation_grants", "Grants", "grants"),
    ("chain", "automation_chain", "What it is joined with", "chain"),
    ("recertifications", "automation_items", "Recertifications", "items"),
)
#: An import whose preview is still there: it can be finished and submitted.
UNDER_WAY = (ImportState.PREVIEW, ImportState.CONFIRMED)
SEVERITY = {"high": ("warning", "high"), "medium": ("warning", "wait"), "low": ("info", "")}


def context(one: Automation, actor: Actor, now: datetime, asked: QueryDict) -> Shape:
    """Everything that ``inventory/automations/automation.html`` takes for the tab that the address names."""
    tab = asked.get("tab", "overview")
    tab = tab if tab in dict(TABS) else "overview"
    # The page asks several rules about one row and one reader: how they stand to each other is read once. A write reads anew.
    one.__dict__["relations"] = cache(one.relations)
    newest = _newest(one, actor)
    listing = reverse("automation_list")
    shape: Shape = {
        "now": now,
        "crumbs": [
            {"label": "Automations", "href": listing},
            {"label": one.team.name, "href": f"{listing}?team={one.team_id}"},
            {"label": one.name, "href": ""},
        ],
        "head": _head(one, actor, now),
        "next": transfers.banner(one, actor, now) or _next(one, newest, actor, now),
        "ownerless": interim_owners.banner(one, actor, now),
        "orphaned": _orphaned(one),
        "in_conflict": conflict_status.told(one, actor, now),
        "tabs": _tabs(one, newest, tab),
        "tab": tab,
        "panels": _panels(one, ("chain", "grants") if tab == "overview" else (tab,)),
    }
    if tab == "overview":
        shape |= _overview(one, one.approved_version or newest, actor, now)
    elif tab == "privileges":
        shape |= _privileges(newest, now)
    elif tab == "versions":
        shape |= version_views.context(one, asked.get("version", ""))
    elif tab == "timeline":
        shape["events"] = timeline_queries.shapes(one, reader=actor.person, limit=100, actor=actor, now=now)
        shape["ledger_href"] = ledger_href(one, actor=actor, now=now)
    return shape


def _newest(one: Automation, actor: Actor) -> Any:
    """The newest version with how much it asks for (``asked``), how often the automation was submitted (``submitted``) and the
    reader's own import of it (``preview``), or None; one query.
    """
    own = ImportItem.objects.filter(version=OuterRef("pk"), batch__by=actor.person, progress__in=UNDER_WAY)
    return (
        one.versions.annotate(
            asked=Count("privileges", distinct=True),
            submitted=Count("automation__submissions", distinct=True),
            preview=Subquery(own.order_by("-pk").values("pk")[:1]),
        )
        .order_by("-number")
        .first()
    )


def _tabs(one: Automation, newest: Any, current: str) -> list[Shape]:
    counts = {"privileges": newest.asked, "versions": newest.number, "submissions": newest.submitted} if newest else {}
    return [
        {
            "key": key,
            "label": label,
            "href": f"{one.href}?tab={key}",
            "current": key == current,
            "count": counts.get(key, 0),
        }
        for key, label in TABS
    ]


def held_by(version: Version | None) -> list[Privilege]:
    """What a version would hold, with what its drawing needs; one query."""
    if version is None:
        return []
    return list(version.privileges.select_related("entitlement__resource__owner", "credential").order_by("pk"))


def blast_radius(one: Automation, now: datetime) -> list[Shape]:
    """What stops with it, which is what could have been reached through it (G5), to weigh before the button."""
    may = automation_queries.of(one, now=now)[one.pk]
    stands = [(p, may[p.key]) for p in held_by(one.approved_version) if p.key in may]
    uses = [
        reasons.Use(held.level_of(p), p.sentence_of(held.scope, held.level), p.entitlement.counted_class)
        for p, held in stands
        if held.state == automation_queries.ACTIVE
    ]
    return reasons.held(uses) or [{"icon": "info", "lead": "It holds nothing now.", "text": ""}]


def _head(one: Automation, actor: Actor, now: datetime) -> Shape:
    is_live = one.state == AutomationState.LIVE
    tone = {"live": "ok", "suspended": "no", "in_review": "acc"}.get(one.state, "off")
    number = f", version {one.approved_version.number}" if one.approved_version else ""
    technical = f"Technical owner {one.technical_owner.name}" if one.technical_owner else "No technical owner"
    return {
        "title": one.name,
        "tier": one.tier,
        "seal": "full" if is_live else "left" if one.state == AutomationState.IN_REVIEW else "none",
        "seal_tone": "ok" if is_live else "",
        "tag": {"text": f"{one.get_state_display()}{number}", "tone": tone},
        "facts": [
            f"{sentences.platform(one.platform_instance)} {_kind(one)}, {one.get_environment_display().lower()}",
            f"Business owner {one.business_owner.name}",
            technical,
        ],
        "actions": _actions(one, actor, now),
    }


def _kind(one: Automation) -> str:
    """The kind inside a sentence: "workflow", "AI app"."""
    said = one.get_kind_display()
    return said if said[:2].isupper() else said.lower()


def _actions(one: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """At most two: the switch that fits the state, and changing what is said about it."""
    lift = lifecycle.resume if one.resume_asked_by_id else lifecycle.ask_to_resume
    lift_words = "Lift the stop" if one.resume_asked_by_id else "Ask to lift the stop"
    offered = (
        (lifecycle.stop, "automation_stop", "Kill switch", "ring-cross", "danger"),
        (lift, "automation_resume", lift_words, "check", "quiet"),
        (confirmation.amend, "automation_amend", "Change", "pen", "quiet"),
    )
    found = [
        {"label": label, "icon": icon, "kind": kind, "href": reverse(url, args=[one.pk])}
        for verb, url, label, icon, kind in offered
        if verb.refusal(one, actor=actor, now=now) is None
    ]
    return found[:2] if len(found) == 3 else found


def _orphaned(one: Automation) -> str:
    gone = one.technical_owner is not None and not one.technical_owner.is_here
    return f"{one.technical_owner} left. Its business owner names another technical owner." if gone else ""


def _next(one: Automation, newest: Any, actor: Actor, now: datetime) -> Shape | None:
    """The one thing to say first: stopped, changed and waiting, or a version that is not approved."""
    if one.state == AutomationState.SUSPENDED:
        return _suspended(one)
    submissions = [{"label": "See its submissions", "href": f"{one.href}?tab=submissions"}]
    if one.state == AutomationState.IN_REVIEW:
        held = review_status.held(one, actor, now)
        return {"lead": "It is in review.", "held": held, "text": "", "actions": submissions}
    is_ahead = newest is not None and one.approved_version_id != newest.pk
    if is_ahead and one.state in (AutomationState.DRAFT, AutomationState.LIVE):
        runs = f"Version {one.approved_version.number} runs on until it is." if one.approved_version else ""
        lead = f"Version {newest.number} is not approved."
        if newest.submitted:
            return {"lead": lead, "held": review_status.held(one, actor, now), "text": runs, "actions": submissions}
        finish = (
            [{"label": "Finish and submit", "href": href("import_preview", newest.preview)}] if newest.preview else []
        )
        return {"lead": lead, "text": "It was brought in and not submitted yet.", "actions": finish}
    if one.amendment:
        text = "What was changed about this automation counts once its next submission is approved."
        return {"lead": "A change waits for stage 1.", "text": text, "actions": []}
    return None


def _suspended(one: Automation) -> Shape:
    if one.stopped_by is None:
        text = "Nothing of it is allowed to run. Answering its review lifts that, later a new submission does."
        if one.suspended_by_look_at is not None:
            text = "Nothing of it is allowed to run until it is submitted again and stage 1 has decided about what changed."
        return {"lead": "Suspended.", "text": text, "actions": []}
    asked = one.resume_asked_by
    more = f" {asked.name} asked to lift that; a second person has to agree." if asked else ""
    more += " Its review suspended it too." if one.suspended_by_review_at else ""
    more += " A look at what changed suspended it too." if one.suspended_by_look_at else ""
    return {"lead": f"Stopped by {one.stopped_by.name}.", "text": f"Nothing of it may run.{more}", "actions": []}


def _panels(one: Automation, tabs: Sequence[str]) -> list[Shape]:
    found = [
        {"href": href(name, one.pk), "title": title, "id": ident} for key, name, title, ident in PANELS if key in tabs
    ]
    return [panel for panel in found if panel["href"]]


def _overview(one: Automation, shown: Version | None, actor: Actor, now: datetime) -> Shape:
    held = held_by(shown)
    assessment = shown.latest_assessment if shown else None
    identities = _identities(shown, actor, now)
    may_retire = lifecycle.retire.refusal(one, actor=actor, now=now) is None
    may_move = ask_transfer.refusal(one, actor=actor, now=now) is None
    may_raise = confirmation.raise_tier.refusal(one, actor=actor, now=now) is None and one.tier != "high"
    approved = one.approved_version
    return {
        "reach": reach.shape(one, shown, held, identities, automation_queries.of(one, now=now)[one.pk])
        if held and shown
        else None,
        "purpose": one.purpose or "Nobody has said yet what it is for.",
        "facts": [
            {"label": "Team", "text": one.team.name},
            {"label": "Business owner", "text": one.business_owner.name},
            {"label": "Technical owner", "text": one.technical_owner.name if one.technical_owner else "nobody"},
            {"label": "Escalation", "text": one.escalation_contact or "none given"},
            {"label": "Platform", "text": sentences.platform(one.platform_instance), "quiet": one.external_id},
            {
                "label": "Approved version",
                "text": str(approved.number) if approved else "none",
                "quiet": approved.manifest_digest.partition(":")[2][:10] if approved else "",
            },
            *version_views.named(shown),
            *environments.facts(one, actor, now),
        ],
        "promote_href": environments.promote_href(one, actor, now),
        "unanswered": [
            {"href": ownership_queries.href_of("identity", each.pk), "name": each.subject}
            for each, is_seen in identities
            if is_seen and each.is_ownerless(now)
        ],
        "amendment": _amendment(one),
        "transfer_href": reverse("automation_transfer", args=[one.pk]) if may_move else "",
        "retire_href": reverse("automation_retire", args=[one.pk]) if may_retire else "",
        "tier": assessment.tier if assessment else one.tier,
        "reasons": [{"icon": "warning", "text": text} for text in (assessment.reasons if assessment else [])],
        "raise_href": reverse("automation_raise", args=[one.pk]) if may_raise else "",
        "findings": _findings(assessment),
    }


def _identities(shown: Version | None, actor: Actor, now: datetime) -> list[tuple[NonHumanIdentity, bool]]:
    """What a version runs as beside its credentials, and of each whether the reader may open its page; one query."""
    if shown is None:
        return []
    seen = NonHumanIdentity.objects.visible_to(actor, now).filter(pk=OuterRef("identity"))
    used = shown.version_identities.select_related("identity__owner", "identity__interim__person")
    return [(one.identity, one.is_seen) for one in used.annotate(is_seen=Exists(seen))]


def _amendment(one: Automation) -> list[Shape]:
    """What waits for stage 1, as rows of what, before, after; people by name."""
    if not one.amendment:
        return []
    named = {name: value for name, value in one.amendment.items() if name.endswith("_owner_id") and value}
    people = dict(type(one.business_owner).objects.filter(pk__in=named.values()).values_list("pk", "name"))
    rows = []
    for name, value in one.amendment.items():
        before: Any = getattr(one, name)
        if name.endswith("_owner_id"):
            owner = getattr(one, name.removesuffix("_id"))
            before, value = (owner.name if owner else "nobody"), people.get(value, "nobody")
        label = name.removesuffix("_id").replace("_", " ").capitalize()
        rows.append({"label": label, "before": str(before), "after": str(value)})
    return rows


def _findings(assessment: Assessment | None) -> list[Shape]:
    """What was noticed about the version, worst first."""
    if assessment is None:
        return []
    order = {"high": 0, "medium": 1, "low": 2}
    found = sorted(assessment.findings.all()[:60], key=lambda one: (order.get(one.severity, 3), one.pk))
    return [
        {
            "icon": SEVERITY.get(one.severity, ("info", ""))[0],
            "tone": SEVERITY.get(one.severity, ("info", ""))[1],
            "lead": f"{findings.lead(one.code)}.",
            "text": one.detail,
            "code": one.place,
        }
        for one in found
    ]


def _privileges(newest: Version | None, now: datetime) -> Shape:
    held = held_by(newest)
    assessment = newest.latest_assessment if newest else None
    used = _used(newest)
    counts = f"{_counted(len(held), 'privilege')}, {_counted(len(used), 'credential')}"
    return {
        "version_words": f"version {newest.number}, {counts}" if newest else "",
        "privileges": [
            *(_privilege(one, assessment) for one in held),
            *(_credential(one, places, assessment, now) for one, places in used),
        ],
        "bring_in_href": href("bring_in"),
    }


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _used(version: Version | None) -> list[tuple[Credential, list[str]]]:
    if version is None:
        return []
    rows = version.version_credentials.select_related(
        *(f"credential__{way}" for way in ("kept_in__owner", "opens__owner", "owner", "interim__person"))
    )
    return [(one.credential, one.at) for one in rows.order_by("pk")]


def _privilege(one: Privilege, assessment: Assessment | None) -> Shape:
    said = assessment.levels["privileges"].get(one.key, {}) if assessment else {}
    resource = one.entitlement.resource
    tags = [
        (not one.recognised, {"text": "Not recognised", "tone": "wait", "icon": "question"}),
        (not one.active, {"text": "Switched off", "tone": "", "icon": "minus"}),
        (one.opaque, {"text": "Opaque", "tone": "high", "icon": "terminal"}),
    ]
    return {
        "level": said.get("level", one.level),
        "sentence": one.sentence,
        "name": resource.name,
        "href": "",
        "scope": " · ".join(filter(None, [one.entitlement.code, one.through, one.target])),
        "tier": said.get("tier", "high"),
        "data_class": one.entitlement.counted_class,
        "owner": resource.owner.name if resource.owner else "",
        "at": one.at,
        "model": one.model_controlled,
        "tags": [tag for holds, tag in tags if holds],
        "help_href": "",
        "state": "",
        "below": "",
    }


def _credential(one: Credential, places: Sequence[str], assessment: Assessment | None, now: datetime) -> Shape:
    said = assessment.levels["credentials"].get(str(one.pk), {}) if assessment else {}
    on, nobody = one.decided_on, one.is_ownerless(now)
    return {
        "level": "secret",
        "sentence": one.sentence,
        "name": one.name,
        "href": one.href,
        "scope": f"{one.kind} · {one.get_lifetime_display().lower()} · reach {one.get_reach_kind_display().lower()}",
        "tier": said.get("tier", "high"),
        "data_class": on.counted_class if on else None,
        "owner": on.owner.name if on and on.owner else "",
        "at": list(places),
        "model": False,
        "tags": [{"text": "Nobody answers for it", "tone": "no", "icon": "person"}] if nobody else [],
        "help_href": ownership_queries.href_of("credential", one.pk) if nobody else "",
        "state": "",
        "below": "",
    }
