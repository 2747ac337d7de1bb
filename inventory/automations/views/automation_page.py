"""Context of an automation's page. Higher apps draw the panels for grants, submissions and reviews."""

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
from inventory.automations.transitions.transfers import request_transfer
from inventory.automations.views import environments, reach, reasons, transfers
from inventory.automations.views.environments import page_href
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
#: Panels with an address of their own: tab, URL name, title and element id. The overview shows connected automations
#: and grants too.
PANELS = (
    ("submissions", "automation_submissions", "Submissions", "submissions"),
    ("grants", "automation_grants", "Grants", "grants"),
    ("chain", "automation_chain", "What it is joined with", "chain"),
    ("recertifications", "automation_items", "Recertifications", "items"),
)
#: States of an import whose preview is open: it can be finished and submitted.
UNDER_WAY = (ImportState.PREVIEW, ImportState.CONFIRMED)
SEVERITY = {"high": ("warning", "high"), "medium": ("warning", "wait"), "low": ("info", "")}


def automation_context(automation: Automation, actor: Actor, now: datetime, query: QueryDict) -> Shape:
    """Context of ``inventory/automations/automation.html`` for the tab that the address names."""
    tab = query.get("tab", "overview")
    tab = tab if tab in dict(TABS) else "overview"
    # Several rules ask for the same reader's relations: the page reads them once. A write reads them again.
    automation.__dict__["relations"] = cache(automation.relations)
    newest = _newest_version(automation, actor)
    listing = reverse("automation_list")
    shape: Shape = {
        "now": now,
        "crumbs": [
            {"label": "Automations", "href": listing},
            {"label": automation.team.name, "href": f"{listing}?team={automation.team_id}"},
            {"label": automation.name, "href": ""},
        ],
        "head": _head(automation, actor, now),
        "next": transfers.transfer_banner(automation, actor, now) or _next_step(automation, newest, actor, now),
        "ownerless": interim_owners.interim_banner(automation, actor, now),
        "orphaned": _orphaned_text(automation),
        "in_conflict": conflict_status.conflict_lines(automation, actor, now),
        "tabs": _tabs(automation, newest, tab),
        "tab": tab,
        "panels": _panels(automation, ("chain", "grants") if tab == "overview" else (tab,)),
    }
    if tab == "overview":
        shape |= _overview(automation, automation.approved_version or newest, actor, now)
    elif tab == "privileges":
        shape |= _privileges(newest, now)
    elif tab == "versions":
        shape |= version_views.versions_context(automation, query.get("version", ""))
    elif tab == "timeline":
        shape["events"] = timeline_queries.shapes(automation, reader=actor.person, limit=100, actor=actor, now=now)
        shape["ledger_href"] = ledger_href(automation, actor=actor, now=now)
    return shape


def _newest_version(automation: Automation, actor: Actor) -> Any:
    """Newest version with its number of privileges (``asked``), submissions (``submitted``) and the reader's open import
    (``preview``), or None; one query.
    """
    own_items = ImportItem.objects.filter(version=OuterRef("pk"), batch__by=actor.person, progress__in=UNDER_WAY)
    return (
        automation.versions.annotate(
            asked=Count("privileges", distinct=True),
            submitted=Count("automation__submissions", distinct=True),
            preview=Subquery(own_items.order_by("-pk").values("pk")[:1]),
        )
        .order_by("-number")
        .first()
    )


def _tabs(automation: Automation, newest: Any, current: str) -> list[Shape]:
    counts = {"privileges": newest.asked, "versions": newest.number, "submissions": newest.submitted} if newest else {}
    return [
        {
            "key": key,
            "label": label,
            "href": f"{automation.href}?tab={key}",
            "current": key == current,
            "count": counts.get(key, 0),
        }
        for key, label in TABS
    ]


def privileges_of(version: Version | None) -> list[Privilege]:
    """Privileges of a version, with the relations that the page draws; one query."""
    if version is None:
        return []
    return list(version.privileges.select_related("entitlement__resource__owner", "credential").order_by("pk"))


def blast_radius(automation: Automation, now: datetime) -> list[Shape]:
    """What a stop affects: the access of the automation (G5), shown before the button."""
    may = automation_queries.grants_of(automation, now=now)[automation.pk]
    stands = [(p, may[p.key]) for p in privileges_of(automation.approved_version) if p.key in may]
    uses = [
        reasons.Use(held.level_of(p), p.sentence_of(held.scope, held.level), p.entitlement.counted_class)
        for p, held in stands
        if held.state == automation_queries.ACTIVE
    ]
    return reasons.use_reasons(uses) or [{"icon": "info", "lead": "It holds nothing now.", "text": ""}]


def _head(automation: Automation, actor: Actor, now: datetime) -> Shape:
    is_live = automation.state == AutomationState.LIVE
    tone = {"live": "ok", "suspended": "no", "in_review": "acc"}.get(automation.state, "off")
    number = f", version {automation.approved_version.number}" if automation.approved_version else ""
    technical = (
        f"Technical owner {automation.technical_owner.name}" if automation.technical_owner else "No technical owner"
    )
    return {
        "title": automation.name,
        "tier": automation.tier,
        "seal": "full" if is_live else "left" if automation.state == AutomationState.IN_REVIEW else "none",
        "seal_tone": "ok" if is_live else "",
        "tag": {"text": f"{automation.get_state_display()}{number}", "tone": tone},
        "facts": [
            f"{sentences.platform_label(automation.platform_instance)} {_kind_label(automation)}, {automation.get_environment_display().lower()}",
            f"Business owner {automation.business_owner.name}",
            technical,
        ],
        "actions": _actions(automation, actor, now),
    }


def _kind_label(automation: Automation) -> str:
    """Kind of the automation inside a sentence: "workflow", "AI app"."""
    kind = automation.get_kind_display()
    return kind if kind[:2].isupper() else kind.lower()


def _actions(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """At most two actions: the switch for its state, and the edit form."""
    lift = lifecycle.resume if automation.resume_asked_by_id else lifecycle.request_resume
    lift_words = "Lift the stop" if automation.resume_asked_by_id else "Ask to lift the stop"
    offered = (
        (lifecycle.stop, "automation_stop", "Kill switch", "ring-cross", "danger"),
        (lift, "automation_resume", lift_words, "check", "quiet"),
        (confirmation.amend_automation, "automation_amend", "Change", "pen", "quiet"),
    )
    actions = [
        {"label": label, "icon": icon, "kind": kind, "href": reverse(url, args=[automation.pk])}
        for verb, url, label, icon, kind in offered
        if verb.refusal(automation, actor=actor, now=now) is None
    ]
    return actions[:2] if len(actions) == 3 else actions


def _orphaned_text(automation: Automation) -> str:
    owner_has_left = automation.technical_owner is not None and not automation.technical_owner.is_here
    return (
        f"{automation.technical_owner} left. Its business owner names another technical owner."
        if owner_has_left
        else ""
    )


def _next_step(automation: Automation, newest: Any, actor: Actor, now: datetime) -> Shape | None:
    """Most important banner: stopped, amendment open, or version not approved."""
    if automation.state == AutomationState.SUSPENDED:
        return _suspended_banner(automation)
    submissions = [{"label": "See its submissions", "href": f"{automation.href}?tab=submissions"}]
    if automation.state == AutomationState.IN_REVIEW:
        held = review_status.waiting_for(automation, actor, now)
        return {"lead": "It is in review.", "held": held, "text": "", "actions": submissions}
    is_ahead = newest is not None and automation.approved_version_id != newest.pk
    if is_ahead and automation.state in (AutomationState.DRAFT, AutomationState.LIVE):
        runs = (
            f"Version {automation.approved_version.number} runs on until it is." if automation.approved_version else ""
        )
        lead = f"Version {newest.number} is not approved."
        if newest.submitted:
            return {
                "lead": lead,
                "held": review_status.waiting_for(automation, actor, now),
                "text": runs,
                "actions": submissions,
            }
        finish = (
            [{"label": "Finish and submit", "href": page_href("import_preview", newest.preview)}]
            if newest.preview
            else []
        )
        return {"lead": lead, "text": "It was brought in and not submitted yet.", "actions": finish}
    if automation.amendment:
        text = "What was changed about this automation counts once its next submission is approved."
        return {"lead": "A change waits for stage 1.", "text": text, "actions": []}
    return None


def _suspended_banner(automation: Automation) -> Shape:
    if automation.stopped_by is None:
        text = "Nothing of it is allowed to run. Answering its review lifts that, later a new submission does."
        if automation.suspended_by_look_at is not None:
            text = "Nothing of it is allowed to run until it is submitted again and stage 1 has decided about what changed."
        return {"lead": "Suspended.", "text": text, "actions": []}
    requester = automation.resume_asked_by
    more = f" {requester.name} asked to lift that; a second person has to agree." if requester else ""
    more += " Its review suspended it too." if automation.suspended_by_review_at else ""
    more += " A look at what changed suspended it too." if automation.suspended_by_look_at else ""
    return {"lead": f"Stopped by {automation.stopped_by.name}.", "text": f"Nothing of it may run.{more}", "actions": []}


def _panels(automation: Automation, tabs: Sequence[str]) -> list[Shape]:
    panels = [
        {"href": page_href(name, automation.pk), "title": title, "id": ident}
        for key, name, title, ident in PANELS
        if key in tabs
    ]
    return [panel for panel in panels if panel["href"]]


def _overview(automation: Automation, shown: Version | None, actor: Actor, now: datetime) -> Shape:
    held = privileges_of(shown)
    assessment = shown.latest_assessment if shown else None
    identities = _identities(shown, actor, now)
    may_retire = lifecycle.retire.refusal(automation, actor=actor, now=now) is None
    may_move = request_transfer.refusal(automation, actor=actor, now=now) is None
    may_raise = confirmation.raise_tier.refusal(automation, actor=actor, now=now) is None and automation.tier != "high"
    approved = automation.approved_version
    return {
        "reach": reach.automation_reach(
            automation, shown, held, identities, automation_queries.grants_of(automation, now=now)[automation.pk]
        )
        if held and shown
        else None,
        "purpose": automation.purpose or "Nobody has said yet what it is for.",
        "facts": [
            {"label": "Team", "text": automation.team.name},
            {"label": "Business owner", "text": automation.business_owner.name},
            {
                "label": "Technical owner",
                "text": automation.technical_owner.name if automation.technical_owner else "nobody",
            },
            {"label": "Escalation", "text": automation.escalation_contact or "none given"},
            {
                "label": "Platform",
                "text": sentences.platform_label(automation.platform_instance),
                "quiet": automation.external_id,
            },
            {
                "label": "Approved version",
                "text": str(approved.number) if approved else "none",
                "quiet": approved.manifest_digest.partition(":")[2][:10] if approved else "",
            },
            *version_views.author_rows(shown),
            *environments.sibling_facts(automation, actor, now),
        ],
        "promote_href": environments.promote_href(automation, actor, now),
        "unanswered": [
            {"href": ownership_queries.href_of("identity", each.pk), "name": each.subject}
            for each, is_seen in identities
            if is_seen and each.is_ownerless(now)
        ],
        "amendment": _amendment_rows(automation),
        "transfer_href": reverse("automation_transfer", args=[automation.pk]) if may_move else "",
        "retire_href": reverse("automation_retire", args=[automation.pk]) if may_retire else "",
        "tier": assessment.tier if assessment else automation.tier,
        "reasons": [{"icon": "warning", "text": text} for text in (assessment.reasons if assessment else [])],
        "raise_href": reverse("automation_raise", args=[automation.pk]) if may_raise else "",
        "findings": _findings(assessment),
    }


def _identities(shown: Version | None, actor: Actor, now: datetime) -> list[tuple[NonHumanIdentity, bool]]:
    """Identities of a version besides its credentials, each with whether the reader may open its page; one query."""
    if shown is None:
        return []
    seen = NonHumanIdentity.objects.visible_to(actor, now).filter(pk=OuterRef("identity"))
    used = shown.version_identities.select_related("identity__owner", "identity__interim__person")
    return [(row.identity, row.is_seen) for row in used.annotate(is_seen=Exists(seen))]


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
    """Findings of a version, the most severe first."""
    if assessment is None:
        return []
    order = {"high": 0, "medium": 1, "low": 2}
    sorted_findings = sorted(
        assessment.findings.all()[:60], key=lambda finding: (order.get(finding.severity, 3), finding.pk)
    )
    return [
        {
            "icon": SEVERITY.get(finding.severity, ("info", ""))[0],
            "tone": SEVERITY.get(finding.severity, ("info", ""))[1],
            "lead": f"{findings.finding_label(finding.code)}.",
            "text": finding.detail,
            "code": finding.place,
        }
        for finding in sorted_findings
    ]


def _privileges(newest: Version | None, now: datetime) -> Shape:
    held = privileges_of(newest)
    assessment = newest.latest_assessment if newest else None
    used = _credentials_used(newest)
    counts = f"{_counted(len(held), 'privilege')}, {_counted(len(used), 'credential')}"
    return {
        "version_words": f"version {newest.number}, {counts}" if newest else "",
        "privileges": [
            *(_privilege(privilege, assessment) for privilege in held),
            *(_credential(credential, places, assessment, now) for credential, places in used),
        ],
        "bring_in_href": page_href("bring_in"),
    }


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _credentials_used(version: Version | None) -> list[tuple[Credential, list[str]]]:
    if version is None:
        return []
    rows = version.version_credentials.select_related(
        *(f"credential__{way}" for way in ("kept_in__owner", "opens__owner", "owner", "interim__person"))
    )
    return [(row.credential, row.at) for row in rows.order_by("pk")]


def _privilege(privilege: Privilege, assessment: Assessment | None) -> Shape:
    judgement = assessment.levels["privileges"].get(privilege.key, {}) if assessment else {}
    resource = privilege.entitlement.resource
    tags = [
        (not privilege.recognised, {"text": "Not recognised", "tone": "wait", "icon": "question"}),
        (not privilege.active, {"text": "Switched off", "tone": "", "icon": "minus"}),
        (privilege.opaque, {"text": "Opaque", "tone": "high", "icon": "terminal"}),
    ]
    return {
        "level": judgement.get("level", privilege.level),
        "sentence": privilege.sentence,
        "name": resource.name,
        "href": "",
        "scope": " · ".join(filter(None, [privilege.entitlement.code, privilege.through, privilege.target])),
        "tier": judgement.get("tier", "high"),
        "data_class": privilege.entitlement.counted_class,
        "owner": resource.owner.name if resource.owner else "",
        "at": privilege.at,
        "model": privilege.model_controlled,
        "tags": [tag for holds, tag in tags if holds],
        "help_href": "",
        "state": "",
        "below": "",
    }


def _credential(credential: Credential, places: Sequence[str], assessment: Assessment | None, now: datetime) -> Shape:
    judgement = assessment.levels["credentials"].get(str(credential.pk), {}) if assessment else {}
    on, nobody = credential.decided_on, credential.is_ownerless(now)
    return {
        "level": "secret",
        "sentence": credential.sentence,
        "name": credential.name,
        "href": credential.href,
        "scope": f"{credential.kind} · {credential.get_lifetime_display().lower()} · reach {credential.get_reach_kind_display().lower()}",
        "tier": judgement.get("tier", "high"),
        "data_class": on.counted_class if on else None,
        "owner": on.owner.name if on and on.owner else "",
        "at": list(places),
        "model": False,
        "tags": [{"text": "Nobody answers for it", "tone": "no", "icon": "person"}] if nobody else [],
        "help_href": ownership_queries.href_of("credential", credential.pk) if nobody else "",
        "state": "",
        "below": "",
    }
