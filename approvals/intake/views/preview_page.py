"""Context of the preview page: what an import would touch, the reasons of its risk, and missing answers (I7, I8).

`approvals.intake.preview.queries` loads the facts; here they become words, icons and fields.
"""

from collections.abc import Iterator
from dataclasses import replace

from django.urls import reverse

from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.views import rows as conflict_rows
from approvals.conflicts.views.rows import ConflictRow
from approvals.intake.preview import queries
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.intake.views import preview_rows, route
from approvals.intake.views.preview_rows import Form
from approvals.models import Submission
from approvals.review.views import tier_reasons
from governance.core.access import Actor
from governance.core.models import Person
from governance.core.texts import free_text
from governance.web.components import times
from governance.web.pages.page import Shape
from inventory.automations import lineages
from inventory.chains import views as chain_views
from inventory.models import Version
from inventory.versions import findings
from inventory.versions.privilege_levels import NOT_RECOGNISED

#: Name of each source format.
FORMATS = {"n8n": "n8n export", "mcp_client": "MCP client configuration", "manual": "Described by hand"}
#: Findings that another part of the page shows.
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
    """Context of ``approvals/intake/preview.html``."""
    context, content, source_format = preview.context, preview.content, preview.content.manifest.source.format
    chain = None
    if context.chain.others or context.chain.unknown:
        name, reader = content.automation.name, Actor.of(builder)
        chain = chain_views.chain_shape(context.chain, name, reader, context.now, would=True)
    below = context.promoted_from if preview.refusal is None else None
    return {
        "preview": preview,
        "format": FORMATS.get(source_format, source_format),
        "missing": things_missing(preview),
        "standing": _standing(preview),
        "record_words": _record_words(preview),
        "rows": preview_rows.rows(preview, form),
        "inputs": form,
        "reasons": tier_reasons.group_reasons(context.app.reasons, [row.sentence for row in preview.privileges]),
        "tier_words": _tier_words(preview),
        "drift": _drift(preview),
        "promoted": below,
        "promoted_status": lineages.version_status(below) if below is not None else "",
        "conflicts": _conflicts(preview, builder),
        "secrets": [_secret(secret) for secret in preview.item.secrets],
        "noticed": list(_noticed(preview)),
        "chain": chain,
        "form": form.details,
        "route": route.context(preview, builder),
    }


def _record_words(preview: Preview) -> str:
    privileges = [row for row in preview.wanted if row.requested.privilege is not None]
    unrecognised = sum(not preview_rows.is_recognised(row) for row in privileges)
    unnamed = {row.connection for row in privileges if row.connection and not row.is_named}
    held = len(preview.context.changes.unchanged) if preview.content.registered is not None else 0
    credentials = len(preview.wanted) - len(privileges)
    parts = (
        (len(privileges), times.counted(len(privileges), "privilege")),
        (credentials, times.counted(credentials, "credential")),
        (unrecognised, f"{unrecognised} not recognised"),
        (len(unnamed), f"{times.counted(len(unnamed), 'connection')} to name"),
        (held, f"{held} held already"),
    )
    return ", ".join(words for count, words in parts if count)


def _tier_words(preview: Preview) -> str:
    owners = "Two people must own a high-risk app. " if preview.context.policy.needs_two_owners(preview.tier) else ""
    return f"{owners}Its {preview.tier}-risk records last at most {preview.context.policy.longest_term(preview.tier)} days."


# --- notices ------------------------------------------------------------------------------------------------


def _line(icon: str, tone: str, lead: str, text: str) -> Shape:
    return {"icon": icon, "tone": tone, "lead": lead, "text": text}


def _standing(preview: Preview) -> Shape | None:
    """Its state in the register: unchanged, under review, or saved and not submitted."""
    registered, version, policy = preview.content.registered, preview.content.version, preview.context.policy
    if registered is None or preview.refusal is not None:
        return None
    if preview.context.before is not None:
        return _reviewed(preview, preview.context.before)
    icon, tone, lead, text = "info", "acc", "Known already.", ""
    if preview.asks_nothing and version is not None:
        icon, tone, lead = "ring-check", "ok", "Nothing changed."
        text = f"This is version {version.number} as it was approved, so there is nothing to submit."
    elif preview.asks_nothing:
        icon, tone, lead = "ring-check", "ok", "Nothing new is asked."
        text = "It asks for nothing that is not approved and held already; submitting makes it the version on record."
        before = preview.context.changes.before
        # The source differs from the version in force without a question to stage 1 (A12).
        if before is not None and before.version.source_digest != preview.content.manifest.source.content:
            text += f" One such change in {policy.sampled_one_in} is drawn, and somebody who is no party looks at it."
    elif version is not None:
        lead, text = "In the register.", _saved(preview, version)
    elif preview.base:
        text = f"A new version of an automation that is in the register, version {preview.base.number} before it."
    return {**_line(icon, tone, lead, text), "href": registered.href, "link": registered.name}


def _saved(preview: Preview, version: Version) -> str:
    """State of a registered version that is not under review and has something to ask."""
    if version.pk != version.automation.approved_version_id:
        return f"It is saved as version {version.number}, and not submitted."
    question = "What changed is asked."
    if any(row.requested.why == "stopped" for row in preview.asked):
        question = "What was stopped is asked anew, and two others decide about it."
    return f"This is version {version.number}, which is in force. {question}"


def _reviewed(preview: Preview, under_way: Submission) -> Shape:
    """State of an import during a review: the same version, or one that would continue it."""
    number = under_way.version.number
    review = {"href": reverse("review", args=[under_way.pk]), "link": "See the review"}
    since = f"since {times.stamp_words(under_way.submitted_at)}, submitted by {under_way.submitted_by.name}"
    is_same = preview.content.version is not None and preview.content.version.pk == under_way.version_id
    if is_same and not preview.is_stopped_since:
        text = f"This is version {number}, under review {since}."
        return {**_line("ring-check", "ok", "Nothing changed.", text), **review}
    lead = f"Version {number} is under review {since}."
    text = "Submitting this one continues it: what did not change keeps its decisions."
    return {**_line("info", "acc", lead, text), **review}


def _conflicts(preview: Preview, builder: Person) -> list[ConflictRow]:
    """Conflicts and their resolutions (S6). A waiver needs a registered version, so others are saved first (S7)."""
    context, registered = preview.context, preview.content.registered
    rows = conflict_rows.list_rows(context.conflicts, conflict_words(preview), Actor.of(builder), context.now)
    for number, row in enumerate(rows):
        if preview.refusal is not None or not conflict_rows.may_request_waiver(row.found, context.now):
            continue
        if registered is None or preview.content.version is None:
            rows[number] = replace(row, ask_by=f"waiver:{row.rule.code}")
        else:
            rows[number] = replace(row, ask_href=conflict_rows.waiver_request_href(registered.pk, row.found))
    return rows


def conflict_words(preview: Preview) -> dict[str, str]:
    """Sentences of the future privileges, by the keys in conflicts."""
    pk = preview.content.automation.pk or 0
    return {f"{pk}/{privilege.key}": privilege.sentence for privilege in preview.privileges}


def _drift(preview: Preview) -> list[Shape]:
    """Added, removed and changed privileges, in words (I7)."""
    drift, base = queries.drift(preview), preview.base
    if drift is None or base is None:
        return []
    lines = [_line("plus", "ok", "Added.", privilege.sentence) for privilege in drift.added]
    lines += [_line("minus", "no", "Removed.", privilege.sentence) for privilege in drift.removed]
    for change in drift.changed:
        rows = ", ".join(f"{name.lower()} {before} → {after}" for name, before, after in change.rows)
        lines.append(_line("swap", "wait", "Changed.", f"{change.after.sentence}: {rows}"))
    if not lines and preview.is_across:
        lines.append(_line("check", "ok", "", "It holds the same there, on the same resources."))
    elif not lines and preview.content.version is None:
        text = f"No privilege differs from version {base.number}; the source or what starts it does."
        lines.append(_line("swap", "", "", text))
    return lines


def _secret(secret: Shape) -> Shape:
    """Place of a secret; never its value (I6)."""
    parts = str(secret.get("at", "")).split("/")
    where = SECRET_PLACES.get(str(secret.get("kind")), "A secret")
    if parts[0] == "nodes" and len(parts) > 1:
        return {"lead": f"{where} of “{parts[1]}”", "place": ".".join(parts[2:]) or parts[1], "text": SECRET_TEXT}
    return {"lead": where, "place": ".".join(parts), "text": SECRET_TEXT}


def _noticed(preview: Preview) -> Iterator[Shape]:
    """Yield author, hidden identities, shared credentials, and other findings of the importer, worst first."""
    manifest, authors = preview.content.manifest, preview.authors
    hint = manifest.source.owner_hint
    if hint:  # a person if one has the account that the source names, or else the account (S1)
        text = f"{hint}. This was not matched to anybody, so nobody is a party because of it."
        if len(authors) == 1:
            text = f"{authors[0].name}, a party to it because of that: a party decides nothing in it."
        elif authors:
            text = f"{hint}, whose account several people here have: each is a party to it and decides nothing in it."
        yield _line("person", "", "Its source names an author.", text)
    unseen = [identity.subject for identity in preview.content.identities if identity.pk is None]
    if unseen:  # a new identity and one of another team look the same (I5)
        lead = f"It runs as {', '.join(unseen)}, of which you see nothing in the register."
        text = "Whether something else runs as it, and what follows from that, is looked at when this is submitted."
        yield _line("robot", "", lead, text)
    for found in preview.context.findings if preview.refusal is None else ():
        if found["code"] == "shared_credential":  # worded as on the review (I5)
            lead = f"{findings.finding_label(found['code'], found['place'])}."
            yield _line("key", "wait", lead, found["detail"])
    other = [finding for finding in manifest.findings if finding.code not in SAID_ELSEWHERE]
    other.sort(key=lambda finding: ("high", "medium", "low").index(finding.severity))
    by_text = {(finding.code, finding.detail or finding.at): finding for finding in other}
    for (code, text), finding in by_text.items():
        lead = f"{findings.finding_label(code, finding.at)}."
        yield _line("warning", {"high": "high", "medium": "wait"}.get(finding.severity, ""), lead, text)


#: The chosen sibling is in the chosen environment (I10).
SIBLING_IS_HERE = "what it is promoted from is in this environment already: choose another, or nothing"


def things_missing(preview: Preview) -> list[Shape]:
    """Problems that block the submission, each with a link to its place."""
    return [{"text": text, "href": href} for text, href in _missing(preview)]


def _missing(preview: Preview) -> Iterator[tuple[str, str]]:
    if preview.refusal is not None:
        yield preview.refusal.sentence.rstrip(".").replace("You ", "you ", 1), "#about"
        return
    fields = preview.draft.fields
    if not free_text.seen(str(fields.get("purpose") or "")):
        yield "say what it is for", "#id_purpose"
    has_owner = bool(fields.get("business_owner"))
    if not has_owner:
        yield "name a business owner", "#id_business_owner"
    for problem in preview.plan.problems:
        if problem.place == "technical_owner" and has_owner:
            yield "name a second person as technical owner", "#id_technical_owner"
        elif problem.place == "business_owner":
            yield "name an owner who is here", "#id_business_owner"
        elif not problem.place:
            yield problem.sentence.rstrip("."), "#about"
    if preview.content.registered is None and preview.sibling is None and preview.draft.sibling:
        yield SIBLING_IS_HERE, "#about"
    yield from _missing_in_rows(preview)
    refused = conflicts.enforced_conflicts(preview.context.conflicts)
    if refused:
        yield f"resolve {times.counted(len(refused), 'conflict')}", "#conflicts"
    if preview.plan.short and has_owner:
        yield "find enough different people", "#route"


def _missing_in_rows(preview: Preview) -> Iterator[tuple[str, str]]:
    unnamed: dict[str, PreviewRow] = {}
    stuck: dict[str, PreviewRow] = {}
    for row in preview.asked:
        if row.connection and not row.is_named:
            unnamed.setdefault(row.connection, row)
        elif row.problems and preview_rows.is_known(row):
            stuck.setdefault(preview_rows.problem_words(row, preview.context.now), row)
    if len(unnamed) > 2:
        yield f"say what its {len(unnamed)} connections open", f"#bind-{next(iter(unnamed.values())).key}"
    else:
        yield from ((f"say what {preview_rows.place(row)} talks to", f"#bind-{row.key}") for row in unnamed.values())
    yield from ((words, f"#wish-{row.key}") for words, row in stuck.items())
    rows = preview.unjustified
    if len(rows) > 2:
        yield f"say why it needs {len(rows)} of these", f"#why-{rows[0].key}"
    else:
        yield from ((f"say why it {preview_rows.sentence_after_it(row)}", f"#why-{row.key}") for row in rows)
