"""Erase a person from the register (H6): authorship, previews and emergency contacts."""

from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.models import FreeText
from governance.core.texts import free_text
from inventory.models import Automation, ImportItem, ImportState, VersionAuthor
from inventory.ownership import parties


def erase_person(redaction: KnownAs, step: Step[Any]) -> None:
    """Erase the person's traces in the transaction of their erasure.

    Args:
        redaction: names and addresses of the person.
        step: the erasure.
    """
    _forget_authorship(redaction, step)
    _forget_own_previews(redaction)
    read = ImportItem.objects.annotate(
        hint=Cast("manifest__source__owner_hint", TextField()), typed=Cast("draft", TextField())
    )
    for item in read.filter(redaction.may_be_in("hint", "typed")).order_by("pk").iterator():
        _forget_in_preview(redaction, item)
    _forget_contacts(redaction, step)


def _forget_authorship(redaction: KnownAs, step: Step[Any]) -> None:
    """Erase authors' names. A person matched by such a name keeps an author row, and so stays a party (S1)."""
    rows = VersionAuthor.objects.filter(Q(person=redaction.person) | redaction.may_be_in("said__text"))
    text_ids = []
    for row in rows.select_related("said").order_by("pk"):
        if row.person_id == redaction.person.pk or _is_theirs(row.said.text, redaction):
            text_ids.append(row.said_id)
            if row.person_id is None and parties.account_of(row.said.text) in redaction.addresses:
                VersionAuthor.objects.create(version_id=row.version_id, said=row.said, person=redaction.person)
    free_text.erase(FreeText.objects.filter(pk__in=text_ids), now=step.now)


def _is_theirs(hint: str, redaction: KnownAs) -> bool:
    """Whether a hint names the person and no other account."""
    return redaction.without(hint) != hint and parties.account_of(hint) in ("", *redaction.addresses)


def _forget_own_previews(redaction: KnownAs) -> None:
    """Empty the person's previews and discard the open ones; confirmed imports stay in the register."""
    items = ImportItem.objects.filter(batch__by=redaction.person)
    items.filter(progress=ImportState.PREVIEW).update(progress=ImportState.DISCARDED)
    items.update(filename="", manifest={}, secrets=[], draft={}, reason="")


def _forget_in_preview(redaction: KnownAs, item: ImportItem) -> None:
    """Remove the person's name from another person's preview, both from the source's author and the draft."""
    source = item.manifest.get("source") or {}
    hint = str(source.get("owner_hint") or "")
    if hint:
        source["owner_hint"] = "" if _is_theirs(hint, redaction) else redaction.without(hint)
    item.draft = redaction.without_in(item.draft)
    item.save(update_fields=["manifest", "draft"])


def _forget_contacts(redaction: KnownAs, step: Step[Any]) -> None:
    """Remove the person's name from emergency contacts of automations, now and in their history."""
    for automation in Automation.objects.select_for_update(of=("self",), no_key=True).filter(
        redaction.may_be_in("escalation_contact")
    ):
        left = redaction.without(automation.escalation_contact)
        if left != automation.escalation_contact:
            automation.escalation_contact = left[:160]
            step.save(automation)
            step.record("automation.contact_erased", automation)
    for row in Automation.history.filter(redaction.may_be_in("escalation_contact")):
        row.escalation_contact = redaction.without(row.escalation_contact)[:160]
        row.save(update_fields=["escalation_contact"])
