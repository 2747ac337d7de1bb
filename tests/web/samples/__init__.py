"""One sample context a page, in the shapes that the templates ask for: views are written against these.

`PAGES` maps a name to the template and a function that makes its context. Names with a suffix are the same template in
another situation.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.web.samples import (
    bring_in,
    confirm,
    gallery,
    home,
    inventory,
    ledger,
    looking,
    portal,
    recertification,
    review,
    sign_in,
)

Context = dict[str, object]
PAGES: dict[str, tuple[str, Callable[[], Context]]] = {
    "gallery": ("gallery.html", gallery.everything),
    "sign_in": ("account/login.html", sign_in.demo),
    "sign_in_wrong": ("account/login.html", sign_in.wrong),
    "home": ("portal/home.html", home.builder),
    "home_owner": ("portal/home.html", home.owner),
    "home_empty": ("portal/home.html", home.nothing),
    "bring_in": ("approvals/bring_in.html", bring_in.start),
    "bring_in_refused": ("approvals/bring_in.html", bring_in.refused),
    "preview": ("approvals/preview.html", bring_in.preview),
    "review": ("approvals/review.html", review.owner),
    "review_lead": ("approvals/review.html", review.lead),
    "review_objecting": ("approvals/review.html", review.objecting),
    "review_subset": ("approvals/review.html", review.subset),
    "desk": ("approvals/desk.html", review.desk),
    "desk_empty": ("approvals/desk.html", review.desk_empty),
    "sample": ("approvals/sample.html", looking.open_one),
    "sample_locked": ("approvals/sample.html", looking.done),
    "confirm": ("confirm.html", confirm.withdraw),
    "automations": ("inventory/automation_list.html", inventory.automations),
    "automation": ("inventory/automation.html", inventory.automation),
    "automation_privileges": ("inventory/automation.html", inventory.automation_privileges),
    "automation_versions": ("inventory/automation.html", inventory.automation_versions),
    "automation_submissions": ("approvals/submissions.html", inventory.automation_submissions),
    "automation_timeline": ("inventory/automation.html", inventory.automation_timeline),
    "resources": ("inventory/resource_list.html", inventory.resources),
    "resource": ("inventory/resource.html", inventory.resource),
    "recertify": ("recertification/mine.html", recertification.mine),
    "recertify_done": ("recertification/mine.html", recertification.done),
    "ledger": ("portal/ledger.html", ledger.events),
    "clock": ("portal/clock.html", portal.clock),
    "mails": ("portal/mail_list.html", portal.mails),
    "mail": ("portal/mail.html", portal.mail),
    "person": ("portal/person.html", portal.person),
    "search": ("portal/search.html", portal.search),
}
