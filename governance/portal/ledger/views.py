"""Ledger pages: search, seal state, verification, export (H2, H4, H9). Only with the permission."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.apps import apps
from django.db.models import Model, QuerySet
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.core.access import Actor, Permission, access
from governance.core.clock import current_time
from governance.core.database.grouping import grouped
from governance.core.jobs import job_runs
from governance.core.ledger import ledger_export as exporting
from governance.core.ledger import sealing
from governance.core.models import LedgerEvent
from governance.core.timeline import queries as timeline_queries
from governance.portal.ledger import queries as ledger_queries
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, midnight, number

#: URL names of subjects with a page, by model.
PAGES = {
    "inventory.automation": "automation",
    "inventory.resource": "resource",
    "approvals.submission": "review",
    "approvals.sample": "sample",
    "controls.person": "person",
    "controls.team": "team",
}
#: Relations that name a row without its own name; the first one that its model has counts.
NAMED_BY = (
    *("automation", "submission__automation", "approval__submission__automation", "version__automation"),
    *("grant__automation", "item__grant__automation", "resource", "person", "giver"),
)


@require_GET
@for_readers_of_the_ledger
def ledger(request: Request) -> HttpResponse:
    """List all events, newest first; the address holds filters and position."""
    return _page(request, ledger_queries.load_verification(), request.now(), fragment="events")


@require_POST
@for_readers_of_the_ledger
def ledger_verify(request: Request) -> HttpResponse:
    """Verify the whole ledger: events against seals, seals against the chain and our key, rows against events."""
    problems: list[str] = []

    def verify(now: datetime) -> dict[str, int]:
        report = exporting.verify_database()
        problems.extend(report.problems)
        return {"events": report.events, "seals": report.seals, "problems": report.problem_count}

    job_runs.run_job(ledger_queries.JOB, verify)
    return _page(request, ledger_queries.load_verification(problems), request.now(), fragment="verification")


@require_GET
@for_readers_of_the_ledger
def ledger_export(request: Request) -> HttpResponseBase:
    """Send the sealed ledger with its checkpoint, for verification without Countersign (H9)."""
    last = sealing.latest()
    lines = exporting.text_lines(last, at=current_time.real()) if last else ()  # memory does not grow with the ledger
    headers = {"Content-Disposition": f'attachment; filename="ledger-{last.number if last else 0}.jsonl"'}
    return StreamingHttpResponse(lines, content_type="application/x-ndjson", headers=headers)


def _page(request: Request, verification: Shape, now: datetime, *, fragment: str) -> HttpResponse:
    query, last = request.GET, sealing.latest()
    rows = _filtered(LedgerEvent.objects.select_related("reason"), query)
    paged = pager.newest_first(rows, query, reverse("ledger"))
    context = {
        "last": last,
        "total": (last.total if last else 0) + sealing.unsealed().count(),
        "real": current_time.real(),
        "may_read_signals": access.may(request.actor, Permission.SIGNALS_READ, None, now=now),  # S10
        "verification": verification,
        "filters": _filters(query),
        "filters_target": "#events",
        "events": _shapes(paged.rows, request.actor),
        "pager": paged,
        "empty": {"sentence": "Nothing that happened fits.", "href": reverse("ledger"), "action": "Show everything"},
    }
    return page(request, "portal/ledger/ledger.html", context, fragment=fragment)


def _filtered(rows: QuerySet[LedgerEvent], query: QueryDict) -> QuerySet[LedgerEvent]:
    if subject := query.get("about", ""):
        rows = rows.filter(about__contains=[subject[:100]])
    if query.get("outcome") in ("done", "refused"):
        rows = rows.filter(outcome=query["outcome"])
    if actor := query.get("actor", ""):
        rows = rows.filter(actor_kind=actor) if actor in ("person", "job") else rows.filter(actor_id=actor[:80])
    since, until = (midnight(query.get(name)) for name in ("since", "until"))
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until + timedelta(days=1))
    words = query.get("q", "").strip()[:80]
    if (event := number(words)) is not None:
        return rows.filter(pk=event)
    wanted = pager.words_of(query)
    return rows.filter(ledger_queries.events_matching(wanted)) if wanted else rows


def _filters(query: QueryDict) -> Shape:
    actors = [("person", "A person"), ("job", "A job")]
    if (actor := query.get("actor", "")) not in ("", "person", "job"):
        actors.append((actor, timeline_queries.names([actor]).get(actor, actor)))
    outcomes = (("done", "Done"), ("refused", "Refused"))
    return pager.filter_bar(
        query,
        reverse("ledger"),
        [("outcome", "Outcome", outcomes), ("actor", "By", actors)],
        words_label="Who, what, event, code or number",
        any_words={"actor": "Anybody"},
        dated=True,
    )


def _shapes(events: Sequence[LedgerEvent], reader: Actor) -> list[Shape]:
    """Table rows; names, subjects and seals are looked up for all rows at once."""
    in_words = timeline_queries.subjects_of(events, reader, current_time.now())
    names = timeline_queries.names([person_id for event in events for person_id in (event.actor_id, event.for_id)])
    subjects, rows = _names(events), LedgerEvent.objects.filter(pk__in=[event.pk for event in events])
    seals = dict(rows.annotate(over=sealing.covering_seal()).values_list("pk", "over"))
    return [
        {
            "event": event,
            "actor": f"Job: {event.actor_id}" if event.actor_kind == "job" else names.get(event.actor_id) or "somebody",
            "for_person": names.get(event.for_id, ""),
            "words": _words(event, in_words.get((event.subject_type, event.subject_id), "")),
            "subject": subjects[event.subject_type, event.subject_id],
            "subject_href": _subject_href(event),
            "sealed": f"seal {seals[event.pk]:,}" if seals.get(event.pk) else "",
        }
        for event in events
    ]


def _words(event: LedgerEvent, subject: str) -> str:
    """Event in words, as in timelines; a refused attempt is marked."""
    words = timeline_queries.said_of(event.verb, subject, event.payload)
    return f"Tried: {words}" if event.outcome == "refused" else f"{words[:1].upper()}{words[1:]}"


def _names(events: Sequence[LedgerEvent]) -> dict[tuple[str, str], str]:
    """Name of each subject: its own, else that of its parent, else its kind and key."""
    # Without apps that are no longer installed.
    models = {model._meta.label_lower: model for model in apps.get_models()}
    wanted = grouped((event.subject_type, event.subject_id) for event in events)
    names_by_subject: dict[tuple[str, str], str] = {}
    for label, ids in wanted.items():
        model = models.get(label)
        noun = str(model._meta.verbose_name) if model else label.partition(".")[2]
        names = dict.fromkeys(ids, "")
        if model is not None and (path := _path_to_a_name(model)):
            keyed = [subject_id for subject_id in ids if number(subject_id) is not None]
            rows = model._base_manager.filter(pk__in=keyed).values_list("pk", path)
            names |= {str(pk): name for pk, name in rows}
        names_by_subject |= {(label, pk): name or f"{noun} {pk}" for pk, name in names.items()}
    return names_by_subject


def _path_to_a_name(model: type[Model]) -> str:
    """Lookup from a row to a name, or an empty text."""
    fields = {field.name for field in model._meta.concrete_fields}
    if "name" in fields:
        return "name"
    return next((f"{path}__name" for path in NAMED_BY if path.partition("__")[0] in fields), "")


def _subject_href(event: LedgerEvent) -> str:
    name, key = PAGES.get(event.subject_type), number(event.subject_id)
    return reverse(name, args=[key]) if name is not None and key is not None else ""
