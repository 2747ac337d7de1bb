"""The context of an automation's page. Grants, submissions and reviews are panels that higher apps draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse

from governance.controls import timeline
from governance.controls.actors import Actor
from inventory import lifecycle
from inventory.models import Assessment, Automation, AutomationState, Privilege, Version
from inventory.registry import drift

Shape = dict[str, Any]

TABS = (("overview", "Overview"), ("privileges", "Privileges"), ("versions", "Versions"), ("timeline", "Timeline"))
ICONS = {
    "data_store": "database",
    "mcp_server": "branch",
    "saas_connector": "message",
    "backend_api": "server",
    "secret_store": "key",
}


def context(one: Automation, actor: Actor, now: datetime, asked: QueryDict) -> Shape:
    """Everything that ``inventory/automation.html`` takes for the tab that the address names."""
    tab = asked.get("tab", "overview")
    tab = tab if tab in dict(TABS) else "overview"
    newest = one.versions.order_by("-number").first()
    shown = one.approved_version or newest
    held = _held(shown)
    shape: Shape = {
        "crumbs": [
            {"label": "Automations", "href": reverse("automation_list")},
            {"label": one.team.name, "href": f"{reverse('automation_list')}?q={one.team.name}"},
            {"label": one.name, "href": ""},
        ],
        "head": _head(one, actor, now),
        "next": _next(one, newest, actor, now),
        "orphaned": _orphaned(one),
        "tabs": [
            {"key": key, "label": label, "href": f"{one.href}?tab={key}", "current": key == tab} for key, label in TABS
        ],
        "tab": tab,
        "panels": _panels(one) if tab == "overview" else [],
    }
    if tab == "overview":
        shape |= _overview(one, shown, held)
    elif tab == "privileges":
        shape |= _privileges(newest)
    elif tab == "versions":
        shape |= _versions(one, asked.get("version", ""))
    else:
        shape["events"] = timeline.shapes(one, reader=actor.person, limit=100)
        shape["ledger_href"] = f"{reverse('ledger')}?about=inventory.automation:{one.pk}"
    return shape


def _held(version: Version | None) -> list[Privilege]:
    if version is None:
        return []
    related = ("entitlement__resource__owner", "credential")
    return list(version.privileges.select_related(*related).order_by("pk"))


def _head(one: Automation, actor: Actor, now: datetime) -> Shape:
    is_live = one.state == AutomationState.LIVE
    tone = {"live": "ok", "suspended": "no", "in_review": "acc"}.get(one.state, "off")
    number = f", version {one.approved_version.number}" if one.approved_version else ""
    technical = one.technical_owner.name if one.technical_owner else "nobody"
    actions = []
    if lifecycle.stop.refusal(one, actor=actor, now=now) is None:
        actions.append(
            {
                "label": "Kill switch",
                "icon": "ring-cross",
                "kind": "danger",
                "href": reverse("automation_stop", args=[one.pk]),
            }
        )
    elif one.state == AutomationState.SUSPENDED:
        verb = lifecycle.resume if one.resume_asked_by_id else lifecycle.ask_to_resume
        if verb.refusal(one, actor=actor, now=now) is None:
            href = reverse("automation_resume", args=[one.pk])
            actions.append({"label": "Lift the stop", "icon": "check", "href": href})
    if lifecycle.retire.refusal(one, actor=actor, now=now) is None:
        actions.append({"label": "Retire", "icon": "minus", "href": reverse("automation_retire", args=[one.pk])})
    return {
        "title": one.name,
        "tier": one.tier,
        "seal": "full" if is_live else "left" if one.state == AutomationState.IN_REVIEW else "none",
        "seal_tone": "ok" if is_live else "",
        "tag": {"text": f"{one.get_state_display()}{number}", "tone": tone},
        "facts": [
            f"{one.platform_instance.partition(' ')[0]} {one.get_kind_display().lower()}, {one.get_environment_display().lower()}",
            f"Business owner {one.business_owner.name}",
            f"Technical owner {technical}",
        ],
        "actions": actions,
    }


def _orphaned(one: Automation) -> str:
    gone = [owner.name for owner in one.owners if not owner.is_here]
    return f"{' and '.join(gone)} left. Its team's lead names another owner." if gone else ""


def _next(one: Automation, newest: Version | None, actor: Actor, now: datetime) -> Shape | None:
    if one.state == AutomationState.SUSPENDED and one.stopped_by is not None:
        asked = (
            f" {one.resume_asked_by.name} asked to lift it; a second person has to agree."
            if one.resume_asked_by
            else ""
        )
        return {
            "lead": f"Stopped by {one.stopped_by.name}.",
            "text": f"Nothing of it is allowed to run.{asked}",
            "actions": [],
        }
    if one.amendment:
        return {
            "lead": "A change waits for stage 1.",
            "text": "What was changed about this automation counts once its next submission is approved.",
            "actions": [],
        }
    if (
        newest is not None
        and one.approved_version_id != newest.pk
        and one.state in (AutomationState.DRAFT, AutomationState.LIVE)
    ):
        runs = f"Version {one.approved_version.number} runs on until then." if one.approved_version else ""
        return {"lead": f"Version {newest.number} is not approved.", "text": runs, "actions": _where(one)}
    return None


def _where(one: Automation) -> list[Shape]:
    return [{"label": "See its submissions", "href": _href("automation_submissions", one.pk)}]


def _href(name: str, pk: int) -> str:
    """An address of a higher app, or nothing where that app is not installed."""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


def _panels(one: Automation) -> list[Shape]:
    wanted = (
        ("automation_grants", "Grants", "grants"),
        ("automation_submissions", "Submissions", "submissions"),
        ("automation_items", "Recertifications", "items"),
    )
    found = [{"href": _href(name, one.pk), "title": title, "id": ident} for name, title, ident in wanted]
    return [panel for panel in found if panel["href"]]


def _overview(one: Automation, shown: Version | None, held: Sequence[Privilege]) -> Shape:
    assessment = shown.latest_assessment if shown else None
    return {
        "reach": _reach(one, shown, held) if held else None,
        "purpose": one.purpose or "Nobody has said yet what it is for.",
        "facts": [
            {"label": "Team", "text": one.team.name},
            {"label": "Business owner", "text": one.business_owner.name},
            {"label": "Technical owner", "text": one.technical_owner.name if one.technical_owner else "nobody"},
            {"label": "Escalation", "text": one.escalation_contact or "none given"},
            {"label": "Platform", "text": one.platform_instance.partition(" ")[0], "quiet": one.external_id},
            {
                "label": "Approved version",
                "text": str(one.approved_version.number) if one.approved_version else "none",
                "quiet": one.approved_version.manifest_digest.partition(":")[2][:10] if one.approved_version else "",
            },
        ],
        "tier": assessment.tier if assessment else one.tier,
        "reasons": [{"icon": "warning", "text": text} for text in (assessment.reasons if assessment else [])],
    }


def _reach(one: Automation, shown: Version | None, held: Sequence[Privilege]) -> Shape:
    """Automation, what it runs by, what it reaches: one box a credential and one a resource."""
    credentials = list({p.credential_id: p.credential for p in held}.values())
    by_resource: dict[int, list[Privilege]] = {}
    for p in held:
        by_resource.setdefault(p.entitlement.resource_id, []).append(p)
    power = ("read", "unknown", "write", "execute", "admin")
    resources, second = [], []
    for place, group in enumerate(by_resource.values()):
        resource = group[0].entitlement.resource
        level = max((p.level for p in group), key=power.index)
        kind = "" if level == "read" else "write"
        owner = resource.owner.name if resource.owner else "nobody answers for it"
        targets = [p.target_name or p.target for p in group if p.target and not p.target.startswith("{")]
        resources.append(
            {
                "icon": ICONS.get(resource.kind, "database"),
                "name": resource.name,
                "text": f"{owner} · {resource.counted_class}",
                "level": level,
                "kind": kind,
                "data": {"name": targets[0] if targets else resource.get_kind_display(), "text": _more(targets, group)},
            }
        )
        second += [(credentials.index(c), place, kind) for c in {p.credential_id: p.credential for p in group}.values()]
    writes = sum(one["kind"] == "write" for one in resources)
    return {
        "finding": f"If it leaked: {len(resources)} resources within reach, {writes} of them to change or run",
        "list_href": f"{one.href}?tab=privileges",
        "automation": {"name": one.name, "text": f"version {shown.number}" if shown else ""},
        "identities": [
            {"icon": "key", "name": str(c), "text": c.get_lifetime_display().lower()}
            if c is not None
            else {"icon": "robot", "name": "No credential", "text": "nothing to sign in with"}
            for c in credentials
        ],
        "resources": resources,
        "first": [(0, place, "") for place in range(len(credentials))],
        "second": second,
    }


def _more(targets: Sequence[str], group: Sequence[Privilege]) -> str:
    count = len(group)
    return f"and {len(targets) - 1} more" if len(targets) > 1 else f"{count} privilege{'s' if count != 1 else ''}"


def _privilege(p: Privilege, assessment: Assessment | None) -> Shape:
    said = assessment.levels["privileges"].get(p.key, {}) if assessment else {}
    resource = p.entitlement.resource
    return {
        "level": p.level,
        "sentence": p.sentence,
        "scope": " · ".join(filter(None, [p.entitlement.code, p.target, ", ".join(p.scope)])),
        "tier": said.get("tier", "high"),
        "data_class": p.entitlement.counted_class,
        "owner": resource.owner.name if resource.owner else "Nobody yet",
        "at": p.at,
        "model": p.model_controlled,
        "tags": [] if p.recognised else [{"text": "Not recognised", "tone": "wait", "icon": "question"}],
        "state": "",
        "below": "",
    }


def _privileges(newest: Version | None) -> Shape:
    held = _held(newest)
    assessment = newest.latest_assessment if newest else None
    number = f"version {newest.number}, " if newest else ""
    return {
        "version_words": f"{number}{len(held)} privilege{'s' if len(held) != 1 else ''}",
        "privileges": [_privilege(p, assessment) for p in held],
        "bring_in_href": _front("bring_in"),
    }


def _front(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _versions(one: Automation, wanted: str) -> Shape:
    versions = list(one.versions.select_related("imported_by").prefetch_related("assessments").order_by("-number")[:30])
    chosen = next((v for v in versions if str(v.number) == wanted), versions[0] if versions else None)
    return {
        "versions": [
            {
                "number": v.number,
                "href": f"{one.href}?tab=versions&version={v.number}#compare",
                "at": v.created_at,
                "author": v.imported_by.name if v.imported_by else "",
                "words": "",
                "approved": v.pk == one.approved_version_id,
                "running": v.pk == one.approved_version_id and one.state == AutomationState.LIVE,
                "digest": v.manifest_digest.partition(":")[2],
                "tier": max(v.assessments.all(), key=lambda a: a.pk).tier if v.assessments.all() else "",
            }
            for v in versions
        ],
        "compare": _compare(one, versions, chosen),
    }


def _compare(one: Automation, versions: Sequence[Version], chosen: Version | None) -> Shape | None:
    """Against the approved version; the approved one itself against the one before it."""
    if chosen is None:
        return None
    before = one.approved_version
    if before is None or before.pk == chosen.pk:
        before = next((v for v in versions if v.number < chosen.number), None)
    if before is None:
        return None
    found = drift(before, chosen)

    def said(p: Privilege) -> Shape:
        return {"level": p.level, "sentence": p.sentence, "scope": p.entitlement.code}

    return {
        "from": before.number,
        "to": chosen.number,
        "rows": [{"label": "Source", "before": "", "after": "changed"}]
        if before.source_digest != chosen.source_digest
        else [],
        "added": [said(p) for p in found.added],
        "removed": [said(p) for p in found.removed],
        "changed": [said(one.after) | {"rows": one.rows} for one in found.changed],
    }
