"""The ledger: search, seal state, verification, export (H2, H4, H9). For whoever may read it, and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_POST

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import Refusal
from governance.core.jobs import job_runs
from governance.core.keys import key_files
from governance.core.ledger import ledger_export as exporting
from governance.core.ledger import sealing
from governance.core.models import JobRun, LedgerEvent, Seal
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries
from governance.portal.ledger import queries as ledger_queries
from governance.web.components.times import counted, moment_words
from governance.web.pages import pager
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import midnight, number

Shape = dict[str, Any]

#: Events on one page.
PAGE = 50
NOT_YOURS = Refusal(
    "PERMISSION",
    "permission",
    "The ledger is read by auditors, security reviewers and admins.",
    "What happened to something of yours stands on its own page.",
)
#: What has a page of its own, by the URL name that takes its key.
PAGES = {
    "inventory.automation": "automation",
    "inventory.resource": "resource",
    "approvals.submission": "review",
    "approvals.sample": "sample",
    "controls.person": "person",
    "controls.team": "team",
}
#: What a row without a name of its own is told apart by: the first of these that its model has, up to a name.
NAMED_BY = (
    "automation",
    "submission__automation",
    "approval__submission__automation",
    "version__automation",
    "grant__automation",
    "item__grant__automation",
    "resource",
    "person",
    "giver",
)
#: The name under which the last verification is remembered.
JOB = "portal.verify_ledger"


def _may_read(request: Request, now: datetime) -> bool:
    return access.may(request.actor, Permission.LEDGER_READ, None, now=now)


@require_GET
def ledger(request: Request) -> HttpResponse:
    """Everything that happened, newest first; filters and place live in the address."""
    now = business_time.now()
    if not _may_read(request, now):
        return refused(request, NOT_YOURS)
    return _page(request, _last_verification(), now, fragment="events")


@require_POST
def ledger_verify(request: Request) -> HttpResponse:
    """Verify the whole ledger now: every event against its seal, every seal against the one before and our key, every row against its events."""
    at = business_time.now()
    if not _may_read(request, at):
        return refused(request, NOT_YOURS)
    problems: list[str] = []

    def verify(now: datetime) -> dict[str, int]:
        report = exporting.verify_database()
        problems.extend(report.problems)
        return {"events": report.events, "seals": report.seals, "problems": report.found}

    job_runs.run_job(JOB, verify)
    return _page(request, _last_verification(problems), at, fragment="verification")


@require_GET
def ledger_export(request: Request) -> HttpResponseBase:
    """The sealed ledger as a file that anyone can verify without us, with its checkpoint at the end (H9)."""
    if not _may_read(request, business_time.now()):
        return refused(request, NOT_YOURS)
    last = sealing.latest()
    answer = StreamingHttpResponse(_lines(last) if last else iter(()), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="ledger-{last.number if last else 0}.jsonl"'
    return answer


def _lines(last: Seal) -> Iterator[str]:
    """An export line by line, so that the largest ledger needs no memory."""
    for line in chain(exporting.lines(last), [exporting.checkpoint_line(last, at=business_time.real())]):
        yield exporting.as_text(line)


def _page(request: Request, verification: Shape, now: datetime, *, fragment: str) -> HttpResponse:
    asked = request.GET
    rows = _filtered(LedgerEvent.objects.select_related("reason"), asked)
    found, newer, older = _here(rows, asked)
    context = {
        "head": _head(request, now),
        "verification": verification,
        "filters": _filters(asked),
        "filters_target": "#events",
        "events": _shapes(found, request.actor),
        "pager": {"newer_href": newer, "older_href": older, "words": ""},
        "empty": {"sentence": "Nothing that happened fits.", "href": reverse("ledger"), "action": "Show everything"},
    }
    return page(request, "portal/ledger/ledger.html", context, fragment=fragment)


def _here(rows: QuerySet[LedgerEvent], asked: QueryDict) -> tuple[list[LedgerEvent], str, str]:
    """The events of the page that the address names by a number, and the addresses of its neighbours."""
    before, after = number(asked.get("before")), number(asked.get("after"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("id")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return (
            found,
            _href(asked, after=found[0].pk) if more else "",
            _href(asked, before=found[-1].pk) if found else "",
        )
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-id")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    newer = _href(asked, after=found[0].pk) if found and before is not None else ""
    return found, newer, _href(asked, before=found[-1].pk) if more else ""


def _href(asked: QueryDict, **place: int) -> str:
    kept = {name: value for name, value in asked.items() if name not in ("before", "after") and value}
    return f"{reverse('ledger')}?{urlencode({**kept, **place})}"


def _filtered(rows: QuerySet[LedgerEvent], asked: QueryDict) -> QuerySet[LedgerEvent]:
    if about := asked.get("about", ""):
        rows = rows.filter(about__contains=[about[:100]])
    if asked.get("outcome") in ("done", "refused"):
        rows = rows.filter(outcome=asked["outcome"])
    if actor := asked.get("actor", ""):
        rows = rows.filter(actor_kind=actor) if actor in ("person", "job") else rows.filter(actor_id=actor[:80])
    since, until = (midnight(asked.get(name)) for name in ("since", "until"))
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until + timedelta(days=1))
    words = asked.get("q", "").strip()[:80]
    if (event := number(words)) is not None:
        return rows.filter(pk=event)
    wanted = pager.words_of(asked)
    return rows.filter(ledger_queries.matching(wanted)) if wanted else rows


def _head(request: Request, now: datetime) -> Shape:
    last = sealing.latest()
    total = (last.total if last else 0) + sealing.unsealed().count()
    sealed = (
        f"sealed {moment_words(last.at, business_time.real())}, seal {last.number:,}"
        if last
        else "nothing is sealed yet"
    )
    export = {"label": "Export", "icon": "file", "href": reverse("ledger_export")}
    return {
        "title": "Ledger",
        "facts": [counted(total, "event"), sealed, "nothing can be changed or removed"],
        "actions": [*_signals(request, now), *([export] if last else [])],
    }


def _signals(request: Request, now: datetime) -> list[Shape]:
    """The way to the signals, for whoever reads them (S10)."""
    if not access.may(request.actor, Permission.SIGNALS_READ, None, now=now):
        return []
    return [{"label": "Signals", "icon": "person", "href": reverse("signals")}]


def _last_verification(problems: Iterable[str] = ()) -> Shape:
    """What the last verification found; its problems in words only while they are fresh."""
    action = reverse("ledger_verify")
    run = JobRun.objects.filter(job=JOB, seen_at__isnull=False, error="").order_by("-id").first()
    if run is None:
        return {"sound": None, "sentence": "Not verified yet.", "at": None, "details": [], "action": action}
    events, seals, wrong = (run.counts.get(name, 0) for name in ("events", "seals", "problems"))
    said = f"All {counted(seals, 'seal')} and {counted(events, 'event')} fit together"
    last, known = sealing.latest(), _published()
    checkpoint = f"{counted(known['events'], 'event')}, seal {known['seals']:,}" if known else "none was published yet"
    return {
        "sound": not wrong,
        "sentence": f"{said}, with what people typed, with the rows that they are about, and with the checkpoint kept outside the database."
        if not wrong
        else f"{counted(wrong, 'thing')} {'does' if wrong == 1 else 'do'} not fit.",
        "at": run.ended_at,
        "action": action,
        "details": [
            *({"label": "Problem", "text": problem} for problem in list(problems)[:10]),
            {"label": "Last root", "text": last.root if last else "none", "mono": True},
            {"label": "Signed by", "text": key_files.public_key_hex(), "mono": True},
            {"label": "Checkpoint", "text": checkpoint},
        ],
    }


def _published() -> Shape | None:
    try:
        return sealing.published_checkpoint()
    except sealing.CheckpointUnreadable:
        return None


def _filters(asked: QueryDict) -> Shape:
    def options(name: str, choices: tuple[tuple[str, str], ...]) -> list[Shape]:
        return [{"value": v, "label": label, "selected": v == asked.get(name, "")} for v, label in choices]

    kept = {"about": asked["about"]} if asked.get("about") else {}
    actors: tuple[tuple[str, str], ...] = (("person", "A person"), ("job", "A job"))
    if (actor := asked.get("actor", "")) not in ("", "person", "job"):
        actors = (*actors, (actor, timeline_queries.names([actor]).get(actor, actor)))
    return {
        "action": reverse("ledger"),
        "words": asked.get("q", ""),
        "words_label": "Who, what, event, code or number",
        "kept": kept,
        "fields": [
            {
                "name": "outcome",
                "label": "Outcome",
                "options": options("outcome", (("done", "Done"), ("refused", "Refused"))),
            },
            {"name": "actor", "label": "By", "any": "Anybody", "options": options("actor", actors)},
        ],
        "dated": True,
        "since": asked.get("since", ""),
        "until": asked.get("until", ""),
        "clear_href": reverse("ledger") if any(asked.values()) else "",
    }


def _shapes(events: list[LedgerEvent], reader: Actor) -> list[Shape]:
    """Rows of the table, with names, subjects and seals looked up for all of them at once."""
    in_words = timeline_queries.subjects_of(events, {}, reader, business_time.now())
    known = timeline_queries.names([one for event in events for one in (event.actor_id, event.for_id)])
    subjects, seals = _names(events), _seals(events)
    return [
        {
            "number": event.pk,
            "at": event.at,
            "actor": known.get(event.actor_id)
            or (f"Job: {event.actor_id}" if event.actor_kind == "job" else "somebody"),
            "for_person": known.get(event.for_id, ""),
            "verb": event.verb,
            "words": _words(event, in_words.get((event.subject_type, event.subject_id), "")),
            "subject": subjects[event.subject_type, event.subject_id],
            "subject_href": _subject_href(event),
            "outcome": event.outcome,
            "code": event.code,
            "sealed": f"seal {seals[event.pk]:,}" if seals.get(event.pk) else "",
            "digest": event.digest,
            "reason": event.reason.shown if event.reason else "",
        }
        for event in events
    ]


def _words(event: LedgerEvent, subject: str) -> str:
    """What happened in words, as timelines say it; what was only tried says so."""
    said = timeline_queries.said_of(event.verb, subject, event.payload)
    return f"Tried: {said}" if event.outcome == "refused" else f"{said[:1].upper()}{said[1:]}"


def _seals(events: list[LedgerEvent]) -> dict[int, int | None]:
    """The number of the seal over each event: the first that ends at or behind it."""
    ends = Seal.objects.filter(last_xid__gte=OuterRef("xid")).filter(
        Q(last_xid__gt=OuterRef("xid")) | Q(last__gte=OuterRef("pk"))
    )
    over = Subquery(ends.order_by("last_xid", "last").values("number")[:1])
    rows = LedgerEvent.objects.filter(pk__in=[event.pk for event in events]).annotate(over=over)
    return dict(rows.values_list("pk", "over"))


def _names(events: list[LedgerEvent]) -> dict[tuple[str, str], str]:
    """What each subject is called: by its name where its model has one, else by that of what it belongs to, else by its kind and key."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for event in events:
        wanted[event.subject_type].add(event.subject_id)
    found: dict[tuple[str, str], str] = {}
    for label, ids in wanted.items():
        model = _model(label)
        noun = str(model._meta.verbose_name) if model else label.partition(".")[2]
        path = _path_to_a_name(model) if model else ""
        names: dict[str, str] = {}
        if model is not None and path:
            keyed = [one for one in ids if number(one) is not None]
            names = {str(pk): name for pk, name in model._base_manager.filter(pk__in=keyed).values_list("pk", path)}
        for one in ids:
            own = names.get(one)
            found[label, one] = own or f"{noun} {one}"
    return found


def _path_to_a_name(model: type[Model]) -> str:
    """The lookup that leads from a row to a name, or nothing."""
    fields = {field.name for field in model._meta.concrete_fields}
    if "name" in fields:
        return "name"
    return next((f"{path}__name" for path in NAMED_BY if path.partition("__")[0] in fields), "")


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):  # of an app that this installation no longer has
        return None


def _subject_href(event: LedgerEvent) -> str:
    name = PAGES.get(event.subject_type)
    try:
        return reverse(name, args=[int(event.subject_id)]) if name else ""
    except (NoReverseMatch, ValueError):
        return ""
