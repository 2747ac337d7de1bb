"""The context of the preview page: what an import would touch, what is missing, and why it is as risky as it is (I7, I8).

What is true is read by `approvals.intake.preview.queries`; here it becomes words, icons and fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import Found
from approvals.conflicts.views import rows as conflict_rows
from approvals.intake.preview.rows import Preview
from approvals.intake.views import preview_rows, route
from approvals.intake.views.preview_rows import Form
from approvals.models import Submission
from approvals.review.views import tier_reasons
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.core.texts import free_text
from governance.web.components import times
from inventory.automations import environments
from inventory.chains import views as chain_views
from inventory.duplicates.queries import SOURCE
from inventory.importers.manifest import Finding
from inventory.models import Version
from inventory.versions import findings
from inventory.versions.diff import Drift
from inventory.versions.privilege_levels import NOT_RECOGNISED

Shape = dict[str, Any]

#: How a source's format is called.
FORMATS = {"n8n": "n8n export", "mcp_client": "MCP client configuration", "manual": "Described by hand"}
#: What of a finding is said elsewhere on the page.
SAID_ELSEWHERE = {*NOT_RECOGNISED, "embedded_secret", "unbound_credential"}
SECRET_TEXT = "We kept a fingerprint and the place, not the secret. Replace it, then move it into a vault."  # noqa: S105  words
SECRET_PLACES = {
    "header": "A secret in a header",
    "query": "A secret in a query parameter",
    "env": "A secret in an environment variable",
    "argument": "A secret in a command line",
    "url": "A secret in an address",
    "code": "A secret in code",
    "pinned": "A secret in captured data",
}


def context(preview: Preview, form: Form, builder: Person) -> Shape:
    """What ``approvals/intake/preview.html`` takes."""
    joined = preview.chain.others or preview.chain.unknown
    pk = preview.item.pk
    missing = things_missing(preview)
    return {
        "now": preview.now,
        "crumbs": [{"label": "Bring in", "href": reverse("bring_in")}, {"label": "Preview", "href": ""}],
        "head": _head(preview, is_ready=not missing),
        "action": reverse("import_preview", args=[pk]),
        "refresh_href": reverse("import_panel", args=[pk]),
        "change_href": f"{reverse('bring_in_form')}?item={pk}" if preview.manifest.source.format == "manual" else "",
        "missing": missing,
        "standing": _standing(preview),
        "record_words": _record_words(preview),
        "rows": preview_rows.rows(preview, form),
        "tier": preview.tier,
        "reasons": _reasons(preview),
        "tier_words": _tier_words(preview),
        "drift": _drift(preview.drift, preview) if preview.drift is not None else [],
        "drift_title": _drift_title(preview),
        "promoted": _promoted(preview),
        "same_as": _same_as(preview),
        "conflicts": _conflicts(preview, builder),
        "secrets": [_secret(one) for one in preview.item.secrets],
        "noticed": [*_named(preview), *_runs_as(preview), *_shared(preview), *_noticed(preview.manifest.findings)],
        "chain": chain_views.shape(preview.chain, preview.automation.name, Actor.of(builder), preview.now, would=True)
        if joined
        else None,
        "form": form.about,
        "route": route.context(preview, builder),
    }


def _head(preview: Preview, *, is_ready: bool) -> Shape:
    manifest, environment = preview.manifest, preview.automation.get_environment_display().lower()
    facts: list[Any] = [FORMATS.get(manifest.source.format, manifest.source.format)]
    if preview.item.filename:
        facts.append({"text": preview.item.filename, "mono": True})
    facts += [preview.team.name, environment]
    digest = manifest.source.content.removeprefix("sha256:")
    facts.append(f"source {digest[:8]}…{digest[-2:]}")
    save = {"label": "Save draft", "form_id": "preview", "name": "do", "value": "save"}
    discard = {"label": "Discard", "href": reverse("import_discard", args=[preview.item.pk])}
    submit = {**save, "label": "Submit", "value": "submit", "kind": "filled", "after": "arrow"}
    if not is_ready:
        submit["disabled"] = "missing"
    actions = [save, discard] if preview.is_repeat else [save, discard, submit]
    title = preview.automation.name
    return {"title": title, "window": f"Preview {title}", "tier": preview.tier, "facts": facts, "actions": actions}


def _record_words(preview: Preview) -> str:
    privileges = [one for one in preview.wanted if one.asked.privilege is not None]
    parts = [
        times.counted(len(privileges), "privilege"),
        times.counted(len(preview.wanted) - len(privileges), "credential"),
    ]
    strange = sum(not preview_rows.is_recognised(one) for one in privileges)
    if strange:
        parts.append(f"{strange} not recognised")
    unnamed = {one.connection for one in privileges if one.connection and not one.is_named}
    if unnamed:
        parts.append(f"{times.counted(len(unnamed), 'connection')} to name")
    if preview.known is not None and preview.changes.unchanged:
        parts.append(f"{len(preview.changes.unchanged)} held already")
    return ", ".join(part for part in parts if not part.startswith("0 "))


def _tier_words(preview: Preview) -> str:
    owners = "Two people must own a high-risk app. " if preview.policy.needs_two_owners(preview.tier) else ""
    return f"{owners}Its {preview.tier}-risk records last at most {preview.policy.longest_term(preview.tier)} days."


def _reasons(preview: Preview) -> list[Shape]:
    """Why the app is as risky as it is."""
    sentences = [one.asked.privilege.sentence for one in preview.wanted if one.asked.privilege is not None]
    return tier_reasons.grouped(preview.judged.reasons, sentences)


# --- what is missing ------------------------------------------------------------------------------------------------


def things_missing(preview: Preview) -> list[Shape]:
    """Everything that keeps it from being submitted, each with a link to its place."""
    if preview.refusal is not None:
        return [_thing(preview.refusal.sentence.rstrip(".").replace("You ", "you ", 1), "#about")]
    fields = preview.draft.fields
    found = []
    if not free_text.seen(str(fields.get("purpose") or "")):
        found.append(_thing("say what it is for", "#id_purpose"))
    has_owner = bool(fields.get("business_owner"))
    if not has_owner:
        found.append(_thing("name a business owner", "#id_business_owner"))
    known_words = ("purpose is empty", "technical owner", "owner of this automation")
    for problem in preview.problems:
        if "two different owners" in problem and has_owner:
            found.append(_thing("name a second person as technical owner", "#id_technical_owner"))
        elif "not here any more" in problem:
            found.append(_thing("name an owner who is here", "#id_business_owner"))
        elif not any(word in problem for word in known_words):
            found.append(_thing(problem.rstrip("."), "#about"))
    found += _about_rows(preview)
    refused = conflicts.enforced(preview.conflicts)
    if refused:
        found.append(_thing(f"resolve {times.counted(len(refused), 'conflict')}", "#conflicts"))
    if preview.short and has_owner:
        found.append(_thing("find enough different people", "#route"))
    return found


def _thing(text: str, href: str) -> Shape:
    return {"text": text, "href": href}


def _about_rows(preview: Preview) -> list[Shape]:
    unnamed: dict[str, Any] = {}
    stuck: dict[str, Any] = {}
    for one in preview.asked:
        if one.connection and not one.is_named:
            unnamed.setdefault(one.connection, one)
        elif one.problems and preview_rows.is_known(one):
            stuck.setdefault(preview_rows.problem_words(one, preview.now), one)
    found = [_thing(f"say what {preview_rows.place(one)} talks to", f"#bind-{one.key}") for one in unnamed.values()]
    if len(found) > 2:
        found = [_thing(f"say what its {len(found)} connections open", found[0]["href"])]
    found += [_thing(words, f"#wish-{one.key}") for words, one in stuck.items()]
    silent = preview.unjustified
    if len(silent) > 2:
        return [*found, _thing(f"say why it needs {len(silent)} of these", f"#why-{silent[0].key}")]
    return [*found, *(_thing(f"say why it {preview_rows.bare(one)}", f"#why-{one.key}") for one in silent)]


# --- beside the rows ------------------------------------------------------------------------------------------------


def _standing(preview: Preview) -> Shape | None:
    """How it stands in the register already: unchanged, under review, or saved and not submitted."""
    known, version = preview.known, preview.version
    if known is None or preview.refusal is not None:
        return None
    automation = {"href": known.href, "link": known.name}
    if preview.under_way is not None:
        return _reviewed(preview, preview.under_way)
    if preview.asks_nothing and version is not None:
        text = f"This is version {version.number} as it was approved, so there is nothing to submit."
        return {"icon": "ring-check", "tone": "ok", "lead": "Nothing changed.", "text": text, **automation}
    if preview.asks_nothing:
        text = "It asks for nothing that is not approved and held already; submitting makes it the version on record."
        if _is_sampled(preview):
            text += f" One such change in {preview.policy.sampled_one_in} is drawn, and somebody who is no party looks at it."
        return {"icon": "ring-check", "tone": "ok", "lead": "Nothing new is asked.", "text": text, **automation}
    if version is not None:
        return {
            "icon": "info",
            "tone": "acc",
            "lead": "In the register.",
            "text": _saved(preview, version),
            **automation,
        }
    text = (
        f"A new version of an automation that is in the register, version {preview.base.number} before it."
        if preview.base
        else ""
    )
    return {"icon": "info", "tone": "acc", "lead": "Known already.", "text": text, **automation}


def _saved(preview: Preview, version: Version) -> str:
    """How a version stands that is in the register and not under review, where there is something to ask about it."""
    if version.pk != version.automation.approved_version_id:
        return f"It is saved as version {version.number}, and not submitted."
    is_stopped = any(one.asked.why == "stopped" for one in preview.asked)
    asked = (
        "What was stopped is asked anew, and two others decide about it." if is_stopped else "What changed is asked."
    )
    return f"This is version {version.number}, which is in force. {asked}"


def _reviewed(preview: Preview, under_way: Submission) -> Shape:
    """How it stands beside a review that has not ended: the same version, or one that would continue it."""
    number = under_way.version.number
    review = {"href": reverse("review", args=[under_way.pk]), "link": "See the review"}
    since = f"since {times.stamp_words(under_way.submitted_at)}, submitted by {under_way.submitted_by.name}"
    is_same = preview.version is not None and preview.version.pk == under_way.version_id
    if is_same and not preview.is_stopped_since:
        text = f"This is version {number}, under review {since}."
        return {"icon": "ring-check", "tone": "ok", "lead": "Nothing changed.", "text": text, **review}
    lead = f"Version {number} is under review {since}."
    text = "Submitting this one continues it: what did not change keeps its decisions."
    return {"icon": "info", "tone": "acc", "lead": lead, "text": text, **review}


def _is_sampled(preview: Preview) -> bool:
    """Whether its source differs from the one in force, which stage 1 is not asked about (A12)."""
    before = preview.changes.before
    return before is not None and before.version.source_digest != preview.manifest.source.content


def _promoted(preview: Preview) -> Shape | None:
    """What it is promoted from, and what of that counts here (I10)."""
    below = preview.promoted_from
    if below is None or preview.refusal is not None:
        return None
    there = below.automation.get_environment_display().lower()
    stands = environments.stands(below.pk, below.automation.approved_version_id, below.automation.state)
    text = f"Version {below.number} is {stands} in {there}. An approval counts in its own environment, so this is decided anew"
    text += "." if preview.known is not None else "; what was said there is filled in."
    return {
        "lead": f"Promotion from {there}.",
        "text": text,
        "href": below.automation.href,
        "link": below.automation.name,
    }


def _conflicts(preview: Preview, builder: Person) -> list[Shape]:
    """What would be in conflict, and what would resolve it (S6). A waiver is asked for what is in the register: the rest is saved first (S7)."""
    rows = conflict_rows.shapes(preview.conflicts, conflict_words(preview), Actor.of(builder), preview.now)
    return [
        row | _way_to_ask(preview, one) if conflict_rows.may_be_asked(one, preview.now) else row
        for row, one in zip(rows, preview.conflicts, strict=True)
    ]


def _way_to_ask(preview: Preview, one: Found) -> Shape:
    if preview.refusal is not None:
        return {}
    if preview.known is None or preview.version is None:
        return {"ask_by": f"waiver:{one.standing.rule.code}"}
    return {"ask_href": conflict_rows.ask_href(preview.known.pk, one)}


def conflict_words(preview: Preview) -> dict[str, str]:
    """What it would hold, in sentences, by the keys that conflicts name."""
    pk = preview.automation.pk or 0
    held = [one.asked.privilege for one in preview.wanted if one.asked.privilege is not None]
    return {f"{pk}/{one.key}": one.sentence for one in held}


def _same_as(preview: Preview) -> list[Shape]:
    """What it may be the same as; of an automation of another team only that there is one (I9)."""
    if preview.refusal is not None:
        return []
    found = []
    for one in preview.alike:
        is_ours = one.other.team_id == preview.team.pk
        why = "It has the very same source." if one.because == SOURCE else "It asks for nearly the same."
        name = one.other.name if is_ours else "an automation of another team"
        text = f"{why} Whoever decides the app says whether it is; until then what was refused there, and who built it, count here."
        found.append({"name": name, "href": one.other.href if is_ours else "", "text": text})
    return found


def _is_across(preview: Preview) -> bool:
    return preview.base is not None and preview.base == preview.promoted_from


def _drift_title(preview: Preview) -> str:
    if not _is_across(preview) or preview.base is None:
        return "Since it came in before"
    return f"Against version {preview.base.number} in {preview.base.automation.get_environment_display().lower()}"


def _drift(drift: Drift, preview: Preview) -> list[Shape]:
    """Added, removed and changed privileges, in words (I7)."""
    found = [{"icon": "plus", "tone": "ok", "text": one.sentence, "lead": "Added."} for one in drift.added]
    found += [{"icon": "minus", "tone": "no", "text": one.sentence, "lead": "Removed."} for one in drift.removed]
    for change in drift.changed:
        rows = ", ".join(f"{name.lower()} {before} → {after}" for name, before, after in change.rows)
        found.append({"icon": "swap", "tone": "wait", "text": f"{change.after.sentence}: {rows}", "lead": "Changed."})
    if not found and preview.base is not None and _is_across(preview):
        found.append({"icon": "check", "tone": "ok", "text": "It holds the same there, on the same resources."})
    elif not found and preview.base is not None and preview.version is None:
        text = f"No privilege differs from version {preview.base.number}; the source or what starts it does."
        found.append({"icon": "swap", "tone": "", "text": text})
    return found


def _secret(one: Shape) -> Shape:
    """Where a secret stood; never what it was (I6)."""
    parts = str(one.get("at", "")).split("/")
    where = SECRET_PLACES.get(str(one.get("kind")), "A secret")
    if parts[0] == "nodes" and len(parts) > 1:
        return {"lead": f"{where} of “{parts[1]}”", "place": ".".join(parts[2:]) or parts[1], "text": SECRET_TEXT}
    return {"lead": where, "place": ".".join(parts), "text": SECRET_TEXT}


def _named(preview: Preview) -> list[Shape]:
    """Whom the source names as its author: by name where one person has that account, else only what it says (S1)."""
    hint = preview.manifest.source.owner_hint
    if not hint:
        return []
    if not preview.authors:
        text = f"{hint}. This was not matched to anybody, so nobody is a party because of it."
    elif len(preview.authors) == 1:
        text = f"{preview.authors[0].name}, a party to it because of that: a party decides nothing in it."
    else:
        text = f"{hint}, whose account several people here have: each is a party to it and decides nothing in it."
    return [{"icon": "person", "tone": "", "lead": "Its source names an author.", "text": text}]


def _runs_as(preview: Preview) -> list[Shape]:
    """What it would run as of which the reader knows nothing: the same is said of what is new and of what is another team's (I5)."""
    if not preview.runs_as:
        return []
    text = "Whether something else runs as it, and what follows from that, is looked at when this is submitted."
    lead = f"It runs as {', '.join(preview.runs_as)}, of which you see nothing in the register."
    return [{"icon": "robot", "tone": "", "lead": lead, "text": text}]


def _shared(preview: Preview) -> list[Shape]:
    """Credentials that other automations of the register use too, as the review will say it (I5): one query."""
    if preview.refusal is not None:
        return []
    credentials = [one.asked.credential for one in preview.wanted if one.asked.credential is not None]
    return [
        {
            "icon": "key",
            "tone": "wait",
            "lead": f"{findings.lead(one['code'], one['place'])}.",
            "text": one["detail"],
        }
        for one in findings.shared(preview.known, [each for each in credentials if each.pk is not None])
    ]


def _noticed(read: Iterable[Finding]) -> list[Shape]:
    """What else the importer noticed, the worst first."""
    tones = {"high": "high", "medium": "wait"}
    order = {"high": 0, "medium": 1, "low": 2}
    other = sorted((one for one in read if one.code not in SAID_ELSEWHERE), key=lambda one: order[one.severity])
    said = {(one.code, one.detail or one.at): one for one in other}
    return [
        {
            "icon": "warning",
            "tone": tones.get(one.severity, ""),
            "lead": f"{findings.lead(code, one.at)}.",
            "text": text,
        }
        for (code, text), one in said.items()
    ]
