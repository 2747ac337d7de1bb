"""Erasure of a person from uploaded lists: their own uploads, and rows that name them (H6)."""

from typing import Any

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.portal.models import ListRow, ListUpload


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Delete the uploads of a person, and remove their name and addresses from those of others.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    ListUpload.objects.filter(by=known_as.person).delete()
    for row in ListRow.objects.filter(known_as.may_be_in("cells", "words")).iterator():
        row.cells, row.words = known_as.without_in(row.cells), known_as.without(row.words)
        row.save(update_fields=["cells", "words"])
