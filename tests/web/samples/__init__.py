"""temp"""
from tests.web.samples import review, bring_in, home, ledger, portal, confirm
PAGES = {
    "home": ("portal/home.html", home.builder),
    "home_owner": ("portal/home.html", home.owner),
    "home_empty": ("portal/home.html", home.nothing),
    "ledger": ("portal/ledger.html", ledger.events),
    "clock": ("portal/clock.html", portal.clock),
    "mails": ("portal/mail_list.html", portal.mails),
    "mail": ("portal/mail.html", portal.mail),
    "person": ("portal/person.html", portal.person),
    "search": ("portal/search.html", portal.search),
    "confirm": ("confirm.html", confirm.withdraw),
    "bring_in": ("approvals/bring_in.html", bring_in.start),
    "bring_in_refused": ("approvals/bring_in.html", bring_in.refused),
    "preview": ("approvals/preview.html", bring_in.preview),
    "review": ("approvals/review.html", review.owner),
    "review_lead": ("approvals/review.html", review.lead),
    "review_subset": ("approvals/review.html", review.subset),
    "desk": ("approvals/desk.html", review.desk),
    "desk_empty": ("approvals/desk.html", review.desk_empty),
}
