"""Remarks of a preview: its state in the register, its changes, secrets, and findings of the importer (I5, I6, I7, S1)."""

from collections.abc import Iterator

from django.urls import reverse

from approvals.intake.preview import queries
from approvals.intake.preview.rows import Preview
from approvals.models import Submission
from approvals.review.remarks import Remark
from governance.core.texts.number_words import stamp_words
from inventory.models import Version
from inventory.versions import findings
from inventory.versions.privilege_levels import NOT_RECOGNISED

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


def standing(preview: Preview) -> Remark | None:
    """Its state in the register: unchanged, under review, or saved and not submitted."""
    registered, version, policy = preview.content.registered, preview.content.version, preview.context.policy
    if registered is None or preview.refusal is not None:
        return None
    if preview.context.before is not None:
        return _reviewed(preview, preview.context.before)
    lead, text, is_settled = "Known already.", "", preview.asks_nothing
    if is_settled and version is not None:
        lead = "Nothing changed."
        text = f"This is version {version.number} as it was approved, so there is nothing to submit."
    elif is_settled:
        lead = "Nothing new is asked."
        text = "Everything that it requests is approved already. Submitting makes it the approved version."
        before = preview.context.changes.before
        # The source differs from the version in force without a question to stage 1 (A12).
        if before is not None and before.version.source_digest != preview.content.manifest.source.content:
            text += f" One such change in {policy.sampled_one_in} gets a spot check by a person who is not a party."
    elif version is not None:
        lead, text = "In the register.", _saved(preview, version)
    elif preview.base:
        text = f"A new version of an automation that is in the register, version {preview.base.number} before it."
    return _standing_remark(text, lead, registered.href, registered.name, is_settled=is_settled)


def _standing_remark(text: str, lead: str, href: str, link: str, *, is_settled: bool) -> Remark:
    icon, tone = ("ring-check", "ok") if is_settled else ("info", "acc")
    return Remark(text, lead, icon=icon, tone=tone, href=href, link=link)


def _saved(preview: Preview, version: Version) -> str:
    """State of a registered version that is not under review and has something to ask."""
    if version.pk != version.automation.approved_version_id:
        return f"It is saved as version {version.number}, and not submitted."
    question = "What changed is asked."
    if any(row.requested.why == "stopped" for row in preview.asked_rows):
        question = "Stopped access is asked again, and two other people decide about it."
    return f"This is version {version.number}, which is in force. {question}"


def _reviewed(preview: Preview, under_way: Submission) -> Remark:
    """State of an import during a review: the same version, or one that would continue it."""
    number = under_way.version.number
    since = f"since {stamp_words(under_way.submitted_at)}, submitted by {under_way.submitted_by.name}"
    is_same = preview.content.version is not None and preview.content.version.pk == under_way.version_id
    is_settled = is_same and not preview.is_stopped_since
    lead = f"Version {number} is under review {since}."
    text = "Submitting this one continues it: what did not change keeps its decisions."
    if is_settled:
        lead, text = "Nothing changed.", f"This is version {number}, under review {since}."
    return _standing_remark(text, lead, reverse("review", args=[under_way.pk]), "See the review", is_settled=is_settled)


def changes(preview: Preview) -> list[Remark]:
    """Added, removed and changed privileges, in words (I7)."""
    drift, base = queries.drift(preview), preview.base
    if drift is None or base is None:
        return []
    remarks = [Remark(row.sentence, "Added.", icon="plus", tone="ok") for row in drift.added]
    remarks += [Remark(row.sentence, "Removed.", icon="minus", tone="no") for row in drift.removed]
    for change in drift.changed:
        rows = ", ".join(f"{name.lower()} {before} → {after}" for name, before, after in change.rows)
        remarks.append(Remark(f"{change.after.sentence}: {rows}", "Changed.", icon="swap", tone="wait"))
    if not remarks and preview.is_across:
        remarks.append(Remark("It holds the same there, on the same resources.", icon="check", tone="ok"))
    elif not remarks and preview.content.version is None:
        text = f"No privilege differs from version {base.number}; the source or what starts it does."
        remarks.append(Remark(text, icon="swap"))
    return remarks


def secrets(preview: Preview) -> Iterator[Remark]:
    """Yield the places of secrets; never their values (I6)."""
    for secret in preview.item.secrets:
        parts = str(secret.get("at", "")).split("/")
        lead, place = SECRET_PLACES.get(str(secret.get("kind")), "A secret"), ".".join(parts)
        if parts[0] == "nodes" and len(parts) > 1:
            lead, place = f"{lead} of “{parts[1]}”", ".".join(parts[2:]) or parts[1]
        yield Remark(SECRET_TEXT, lead, place=place)


def noticed(preview: Preview) -> Iterator[Remark]:
    """Yield author, hidden identities, shared credentials, and other findings of the importer, worst first."""
    manifest, authors = preview.content.manifest, preview.authors
    hint = manifest.source.owner_hint
    if hint:  # a person if one has the account that the source names, or else the account (S1)
        text = f"{hint}. This was not matched to anybody, so nobody is a party because of it."
        if len(authors) == 1:
            text = f"{authors[0].name}, a party to it because of that: a party decides nothing in it."
        elif authors:
            text = f"{hint}, whose account several people here have: each is a party to it and decides nothing in it."
        yield Remark(text, "Its source names an author.", icon="person")
    unseen = [identity.subject for identity in preview.content.identities if identity.pk is None]
    if unseen:  # a new identity and one of another team look the same (I5)
        lead = f"It runs as {', '.join(unseen)}, of which you see nothing in the register."
        text = "Whether something else runs as it, and what follows from that, is looked at when this is submitted."
        yield Remark(text, lead, icon="robot")
    for found in preview.context.findings if preview.refusal is None else ():
        if found["code"] == "shared_credential":  # worded as on the review (I5)
            lead = f"{findings.finding_label(found['code'], found['place'])}."
            yield Remark(found["detail"], lead, icon="key", tone="wait")
    other = [finding for finding in manifest.findings if finding.code not in SAID_ELSEWHERE]
    other.sort(key=lambda finding: ("high", "medium", "low").index(finding.severity))
    by_text = {(findings.finding_label(each.code, each.at), each.detail or each.at): each for each in other}
    for (label, text), finding in by_text.items():
        yield Remark(
            text, f"{label}.", icon="warning", tone={"high": "high", "medium": "wait"}.get(finding.severity, "")
        )
