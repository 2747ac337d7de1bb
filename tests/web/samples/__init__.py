"""One sample context a page, in the shapes that the templates ask for: views are written against these.

`PAGES` maps a name to the template and a function that makes its context. Names with a suffix are the same template in
another situation.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.web.samples import (
    confirm,
    gallery,
    home,
    imports,
    inventory,
    ledger,
    portal,
    recertification,
    review,
    sign_in,
    spot_check,
    stop,
)

Context = dict[str, object]
PAGES: dict[str, tuple[str, Callable[[], Context]]] = {
    "gallery": ("web/pages/gallery.html", gallery.everything),
    "sign_in": ("account/login.html", sign_in.demo),
    "sign_in_wrong": ("account/login.html", sign_in.wrong),
    "home": ("portal/dashboard/home.html", home.builder),
    "home_owner": ("portal/dashboard/home.html", home.owner),
    "home_empty": ("portal/dashboard/home.html", home.nothing),
    "import": ("approvals/intake/import.html", imports.start),
    "import_refused": ("approvals/intake/import.html", imports.refused),
    "preview": ("approvals/intake/preview.html", imports.preview),
    "review": ("approvals/review/review.html", review.owner),
    "review_lead": ("approvals/review/review.html", review.lead),
    "review_objecting": ("approvals/review/review.html", review.objecting),
    "review_subset": ("approvals/review/review.html", review.subset),
    "approvals": ("approvals/inbox/approvals.html", review.desk),
    "desk_empty": ("approvals/inbox/approvals.html", review.desk_empty),
    "sample": ("approvals/light_path/spot_check.html", spot_check.open_one),
    "sample_locked": ("approvals/light_path/spot_check.html", spot_check.done),
    "stop": ("approvals/grants/stop.html", stop.pressed),
    "stop_undone": ("approvals/grants/stop.html", stop.undone),
    "confirm": ("components/confirm_page.html", confirm.withdraw),
    "automations": ("portal/registers/register.html", inventory.automations),
    "automation": ("inventory/automations/automation.html", inventory.automation),
    "automation_privileges": ("inventory/automations/automation.html", inventory.automation_privileges),
    "automation_versions": ("inventory/automations/automation.html", inventory.automation_versions),
    "automation_submissions": ("approvals/submissions/submissions.html", inventory.automation_submissions),
    "automation_timeline": ("inventory/automations/automation.html", inventory.automation_timeline),
    "resources": ("portal/registers/register.html", inventory.resources),
    "resource": ("inventory/resources/resource.html", inventory.resource),
    "recertify": ("recertification/items/my_recertifications.html", recertification.mine),
    "recertify_done": ("recertification/items/my_recertifications.html", recertification.done),
    "ledger": ("portal/ledger/ledger.html", ledger.events),
    "clock": ("portal/demo_pages/clock.html", portal.clock),
    "mails": ("portal/demo_pages/mail_list.html", portal.mails),
    "mail": ("portal/demo_pages/mail.html", portal.mail),
    "person": ("portal/people/person.html", portal.person),
    "search": ("portal/search/search.html", portal.search),
}
