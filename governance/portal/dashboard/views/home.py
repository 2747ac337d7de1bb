"""Home: the reader's tasks in order, and the state of their automations. It shows only things the reader can act on."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.inbox import waiting_for as inbox_waiting_for
from approvals.inbox.queries import approvals
from approvals.inbox.views import waiting_for
from approvals.inbox.waiting_for import Waiting
from approvals.intake import drafts
from approvals.models import Decision, Submission
from approvals.review.views.reader import Reader
from governance.core.access import Role, access
from governance.core.models import Person
from governance.portal.dashboard import queries
from governance.portal.ledger import queries as ledger_queries
from governance.portal.view_guards.decorators import reader
from governance.web.pages.navigation import Chrome
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request
from inventory.models import Automation

#: Groups of tasks that can be confirmed together.
CONFIRMED = ("proposals", "resources")
#: Most tasks to show at first.
MOST = 8
#: Columns of an import that is not submitted.
DRAFT_COLUMNS = ("pk", "created_at", "filename", "manifest__name")
#: Most people to list who have one of my automations now; the others are counted.
MOST_HELD = 5


@require_GET
def home(request: Request) -> HttpResponse:
    """Show the reader's tasks, of all kinds or of the one in the address."""
    now, person, show = request.now(), reader(request), request.GET.get("show", "")
    roles = access.roles_held(request.actor, now)  # before the chrome, which then counts for the same instant
    under_way = approvals.unfinished_submissions(person, now)
    questions = approvals.load_questions(under_way)
    chrome = Chrome(request)
    may_import = any(entry.key == "import" for entry in chrome.destinations)
    all_groups = queries.load_groups(request.actor, person, now, under_way, questions, chrome.counts)
    groups = [group for group in all_groups if group.tasks]
    rows, tasks = queries.sort_tasks(groups, show), sum(group.count for group in groups)
    context: Shape = {
        "chrome": chrome,
        "person": person,
        "tasks": tasks,
        "overdue": sum(task.due is not None and task.due < now for _, task in queries.sort_tasks(groups, "all")),
        "groups": groups,
        "show": show,
        "to_confirm": sum(group.count for group in groups if group.key in CONFIRMED) > 1,
        "rows": rows if show else rows[:MOST],
        "hidden": 0 if show else max(tasks - MOST, 0),
        "automations": _automations(request, person, now, under_way, questions),
        "requests": [(group.key, task) for group in groups for task in group.shown_tasks if task.is_own],
        "drafts": drafts.drafts_of(person).filter(version=None).values(*DRAFT_COLUMNS)[:MOST] if may_import else (),
        "ledger": ledger_queries.load_state() if Role.AUDITOR in roles else None,
        "import_href": reverse("import"),
    }
    return page(request, "portal/dashboard/home.html", context)


def _automations(
    request: Request, person: Person, now: datetime, under_way: Sequence[Submission], questions: Sequence[Decision]
) -> list[Shape]:
    rows = list(queries.waiting_automations(person, now))
    keys = {automation.pk for automation in rows}
    submissions = {row.automation_id: row for row in under_way if row.automation_id in keys}
    waiting = inbox_waiting_for.load_waiting(submissions.values(), now, questions=questions)
    return [_automation(row, submissions.get(row.pk), waiting, Reader(request.actor, now)) for row in rows]


def _automation(
    automation: Automation, submission: Submission | None, waiting: Mapping[int, list[Waiting]], reader: Reader
) -> Shape:
    """One of the reader's automations, its open submission, and the people that it waits for."""
    if submission is None:
        return {"row": automation, "submission": None, "held": [], "more": 0}
    held = waiting_for.holder_shapes(waiting[submission.pk], reader)
    return {"row": automation, "submission": submission, "held": held[:MOST_HELD], "more": len(held) - MOST_HELD}
