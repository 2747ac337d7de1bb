"""Ledger search by event words, refusal codes and names.

Names are looked up first, a few rows of each kind, and events come from a short list. So the ledger query uses only
equalities and overlaps, which have indexes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Model, Q, QuerySet

from approvals.models import Submission
from governance.core.engine.transition import declared
from governance.core.keys import key_files
from governance.core.ledger import ledger_events, sealing
from governance.core.models import JobRun, Person, Team
from governance.core.timeline import queries
from governance.portal.search.queries import by_reference
from governance.web.pages import pager
from inventory.models import Automation, Credential, NonHumanIdentity, Resource

#: Job name of the last verification.
JOB = "portal.verify_ledger"
#: Most rows of one kind for some words; more words narrow them.
MOST = 20


def events_matching(words: Sequence[str]) -> Q:
    """Events for words: ``karl jensen``, ``sod-8``, ``weekly stock report``, ``revoked invoice chaser``, ``2026-0009``.

    Args:
        words: in lower case, see `pager.words_of`; at least one.
    """
    condition = _events_naming(words) | Q(verb__in=_verbs_matching(words)) | Q(code=" ".join(words).upper())
    acts = [word for word in words if _verbs_matching([word])]
    names = [word for word in words if word not in acts]
    if acts and names:  # an event and a name together
        condition |= _events_naming(names) & Q(verb__in=_verbs_matching(acts))
    return condition


def _verbs_matching(words: Sequence[str]) -> list[str]:
    """Events whose name or timeline words contain every word."""
    texts = {transition.event: transition.event for transition in declared()} | {
        verb: f"{verb} {text.lower()}" for verb, (_, _, text) in queries.WORDS.items()
    }
    return [verb for verb, text in texts.items() if all(word in text for word in words)]


def _events_naming(words: Sequence[str]) -> Q:
    people = list(_rows_named(Person, "name", words))
    rows = [*people, *_subjects_named(words)]
    ids = [str(person.opaque_id) for person in people] + [" ".join(words)]
    return Q(actor_id__in=ids) | Q(for_id__in=ids[:-1]) | Q(about__overlap=ledger_events.timeline_keys(*rows))


def _subjects_named(words: Sequence[str]) -> Iterator[Model]:
    """Rows with such a name: a few of each kind."""
    yield from pager.search(Automation.objects.order_by("name", "pk"), words).only("pk")[:MOST]
    yield from pager.search(Resource.objects.order_by("name", "pk"), words).only("pk")[:MOST]
    yield from _rows_named(NonHumanIdentity, "subject", words).only("pk")
    yield from _rows_named(Credential, "name", words).only("pk")
    yield from _rows_named(Team, "name", words).only("pk")
    if len(words) == 1:
        yield from by_reference(Submission.objects.all(), words[0]) or ()


def _rows_named(model: type[Model], name: str, words: Sequence[str]) -> QuerySet[Any]:
    return pager.search(model._default_manager.order_by(name, "pk"), words, name)[:MOST]


def load_verification(problems: Sequence[str] = ()) -> dict[str, Any]:
    """Result of the last verification; problems in words only directly after it."""
    run = JobRun.objects.filter(job=JOB, seen_at__isnull=False, error="").order_by("-id").first()
    if run is None:
        return {"sound": None}
    counts = {name: run.counts.get(name, 0) for name in ("events", "seals", "problems")}
    return {
        "sound": not counts["problems"],
        "at": run.ended_at,
        "counts": counts,
        "problems": problems[:10],
        "last": sealing.latest(),
        "key": key_files.public_key_hex(),
        "checkpoint": _published(),
    }


def _published() -> dict[str, Any] | None:
    try:
        return sealing.published_checkpoint()
    except sealing.CheckpointUnreadable:
        return None


def load_state() -> dict[str, Any]:
    """Load the last seal, the last verification and the problems of the keys: three queries at most."""
    return {"last": sealing.latest(), "verification": load_verification(), "problems": key_files.problems()}
