"""What approvals forget of a person who is erased (H6): why they said that something is needed, and what they called views of the desk.

Reasons, comments, objections and answers each stand by an event of whoever wrote them, and are erased with those
(`governance.core.erasure.transitions`). A justification is a submission's, and has no event of its own.
"""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery

from approvals.models import Approval, DeskView
from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.models import FreeText
from governance.core.texts import free_text


def forget(known: KnownAs, step: Step[Any]) -> None:
    """Erase it, in the transaction in which the person is erased. Records and decisions know it by its digest, which stays (A6).

    A justification that somebody took over unchanged is the first one's who gave it.

    Args:
        known: as whom the person is known.
        step: the erasure.
    """
    DeskView.objects.filter(person=known.person).delete()
    given = Approval.objects.filter(submission__submitted_by=known.person, justification__isnull=False)
    first = Approval.objects.filter(justification=OuterRef("pk")).order_by("pk")
    theirs = FreeText.objects.filter(pk__in=given.order_by().values("justification")).annotate(
        first_given_by=Subquery(first.values("submission__submitted_by")[:1])
    )
    keys = list(theirs.filter(first_given_by=known.person.pk).values_list("pk", flat=True))
    free_text.erase(FreeText.objects.filter(pk__in=keys), now=step.now)
