"""Which events words find in the ledger: by what happened, by a refusal's code, and by the name of whoever or whatever took part.

Names are looked up first, a few rows of each kind, and what can happen is a list of a few dozen: so the ledger itself, however
long, is asked for equalities and overlaps, which have indexes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Model, Q, QuerySet

from approvals.models import Submission
from governance.core.engine.transition import declared
from governance.core.ledger import ledger_events
from governance.core.models import Person, Team
from governance.core.timeline import event_words
from governance.portal.search.queries import by_reference
from governance.web.pages import pager
from inventory.models import Automation, Credential, NonHumanIdentity, Resource

#: Rows of one kind that words name; whoever means another one says more of its name.
MOST = 20


def matching(words: Sequence[str]) -> Q:
    """Events that words find: ``karl jensen``, ``sod-8``, ``weekly stock report``, ``stopped``, ``revoked invoice chaser``, ``2026-0009``.

    Args:
        words: lower-cased, see `paging.words_of`; at least one.
    """
    found = _named(words) | Q(verb__in=_happened(words)) | Q(code=" ".join(words).upper())
    acts = [word for word in words if _happened([word])]
    names = [word for word in words if word not in acts]
    if acts and names:  # what happened, and to whom or what, in one line
        found |= _named(names) & Q(verb__in=_happened(acts))
    return found


def _happened(words: Sequence[str]) -> list[str]:
    """The events whose name, or whose words in a timeline, hold every word."""
    said = {one.event: one.event for one in declared()} | {
        verb: f"{verb} {text.lower()}" for verb, (_, _, text) in event_words.WORDS.items()
    }
    return [verb for verb, text in said.items() if all(word in text for word in words)]


def _named(words: Sequence[str]) -> Q:
    people = list(_with(Person, "name", words))
    rows = [*people, *_things(words)]
    ids = [str(person.opaque_id) for person in people] + [" ".join(words)]
    return Q(actor_id__in=ids) | Q(for_id__in=ids[:-1]) | Q(about__overlap=ledger_events.about(*rows))


def _things(words: Sequence[str]) -> Iterator[Model]:
    """What is called so: a few of each kind."""
    yield from pager.search(Automation.objects.order_by("name", "pk"), words).only("pk")[:MOST]
    yield from pager.search(Resource.objects.order_by("name", "pk"), words).only("pk")[:MOST]
    yield from _with(NonHumanIdentity, "subject", words).only("pk")
    yield from _with(Credential, "name", words).only("pk")
    yield from _with(Team, "name", words).only("pk")
    if len(words) == 1:
        yield from by_reference(Submission.objects.all(), words[0]) or ()


def _with(model: type[Model], name: str, words: Sequence[str]) -> QuerySet[Any]:
    rows = model._default_manager.order_by(name, "pk")
    for word in words:
        rows = rows.filter(**{f"{name}__icontains": word})
    return rows[:MOST]
