"""Erase a person from approvals (H6): their justifications and the names of their saved views.

Reasons, comments, objections and answers belong to events of their author, and `governance.core.erasure.transitions`
erases them. A justification belongs to a submission and has no event.
"""

from typing import Any

from django.db.models import OuterRef, Subquery

from approvals.models import Approval, SavedView
from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.models import FreeText
from governance.core.texts import free_text


def erase_person(known_as: KnownAs, step: Step[Any]) -> None:
    """Erase them in the transaction that erases the person. Approvals and decisions keep the digest (A6).

    A justification that others reused unchanged belongs to its first author.

    Args:
        known_as: the person and their names.
        step: the erasure.
    """
    SavedView.objects.filter(person=known_as.person).delete()
    approvals = Approval.objects.filter(submission__submitted_by=known_as.person, justification__isnull=False)
    first = Approval.objects.filter(justification=OuterRef("pk")).order_by("pk")
    justifications = FreeText.objects.filter(pk__in=approvals.order_by().values("justification")).annotate(
        first_given_by=Subquery(first.values("submission__submitted_by")[:1])
    )
    keys = list(justifications.filter(first_given_by=known_as.person.pk).values_list("pk", flat=True))
    free_text.erase(FreeText.objects.filter(pk__in=keys), now=step.now)
