"""What the register forgets of a person who is erased (H6): what sources said of them, their previews, where they are the contact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.models import FreeText
from governance.core.texts import free_text
from inventory.models import Automation, ImportItem, ImportState, VersionAuthor
from inventory.ownership import authors


def forget(known: KnownAs, step: Step[Any]) -> None:
    """Erase it, in the transaction in which the person is erased.

    Args:
        known: as whom the person is known.
        step: the erasure.
    """
    _forget_authorship(known, step)
    _forget_own_previews(known)
    for item in _previews_that_name(known):
        _forget_in_preview(known, item)
    _forget_contacts(known, step)


def _forget_authorship(known: KnownAs, step: Step[Any]) -> None:
    """Destroy what sources call them. Whoever was found by that alone stays an author by their row, and with it a party (S1)."""
    rows = VersionAuthor.objects.filter(person=known.person) | VersionAuthor.objects.filter(
        known.may_be_in("said__text")
    )
    gone = []
    for row in rows.select_related("said").order_by("pk"):
        if row.person_id == known.person.pk or _is_theirs(row.said.text, known):
            gone.append(row.said_id)
            if row.person_id is None and authors.account(row.said.text) in known.addresses:
                VersionAuthor.objects.create(version_id=row.version_id, said=row.said, person=known.person)
    free_text.erase(FreeText.objects.filter(pk__in=gone), now=step.now)


def _is_theirs(hint: str, known: KnownAs) -> bool:
    """Whether what a source says names them and no account of somebody else's."""
    return known.without(hint) != hint and authors.account(hint) in ("", *known.addresses)


def _forget_own_previews(known: KnownAs) -> None:
    """Empty what they brought in and typed; what was confirmed of it stands in the register, and what was not is discarded."""
    own = ImportItem.objects.filter(batch__by=known.person)
    own.filter(progress=ImportState.PREVIEW).update(progress=ImportState.DISCARDED)
    own.update(filename="", manifest={}, secrets=[], draft={}, reason="")


def _previews_that_name(known: KnownAs) -> Iterable[ImportItem]:
    read = ImportItem.objects.annotate(
        hint=Cast("manifest__source__owner_hint", TextField()), typed=Cast("draft", TextField())
    )
    return read.filter(known.may_be_in("hint", "typed")).order_by("pk").iterator()


def _forget_in_preview(known: KnownAs, item: ImportItem) -> None:
    """Take their name out of somebody else's preview: as the author that the source names, and out of what was typed."""
    source = item.manifest.get("source") or {}
    hint = str(source.get("owner_hint") or "")
    if hint:
        source["owner_hint"] = "" if _is_theirs(hint, known) else known.without(hint)
    item.draft = known.without_in(item.draft)
    item.save(update_fields=["manifest", "draft"])


def _forget_contacts(known: KnownAs, step: Step[Any]) -> None:
    """Take their name out of whom an automation names for emergencies, now and in its history."""
    for automation in Automation.objects.select_for_update(of=("self",), no_key=True).filter(
        known.may_be_in("escalation_contact")
    ):
        left = known.without(automation.escalation_contact)
        if left != automation.escalation_contact:
            automation.escalation_contact = left[:160]
            step.save(automation)
            step.record("automation.contact_erased", automation)
    for row in Automation.history.filter(known.may_be_in("escalation_contact")):
        row.escalation_contact = known.without(row.escalation_contact)[:160]
        row.save(update_fields=["escalation_contact"])
