"""Counts of the sidebar: rows of approvals that need the reader."""

from approvals.inbox.queries import approvals, tasks
from approvals.models import RevocationTask
from governance.web.pages import navigation


def register() -> None:
    """Register the counters of the entries; each counts the tasks that home lists."""
    navigation.register_counter("approvals", approvals.submissions_to_decide, approvals.samples_to_check)
    navigation.register_counter("waivers", tasks.waivers_to_decide)
    navigation.register_counter("revocations", RevocationTask.objects.waiting_for)
    navigation.register_counter("held", tasks.batches_to_answer)
    navigation.register_counter("proposals", tasks.proposals_to_answer)
