"""Command `demo_hints`: address, people and things to try; `make run` prints it."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from governance.demo.company import grant_usage, people_and_teams
from governance.demo.company.cast import EXPORTS
from governance.demo.company.founding import address
from governance.demo.loading import load
from governance.demo.loading.load import DatabaseContent, NotADemo

#: People to sign in as, by key, with their parts.
PEOPLE_TO_TRY = (
    ("rita", "builder in Finance Operations"),
    ("jonas", "head of accounts payable, business owner of what Rita builds"),
    ("theo", "lead of Finance Operations: decides whether an app may exist"),
    ("omar", "owner of the ERP database and of Slack: decides what may touch them"),
    ("mei", "owner of the Supplier Drive, the mailbox and the bank's SFTP; on call"),
    ("sana", "security reviewer, as is Viktor Lind"),
    ("piet", "builder in Supply Engineering, asked in reviews"),
    ("ines", "governance admin, as is Karl Jensen; approves nothing by that"),
    ("grace", "lead of Marketing, whose analyst has left"),
    ("yuki", "auditor: reads everything, changes nothing"),
)

#: An export that is not loaded, to import by hand.
TO_BRING_IN = EXPORTS / "supplier-statement-check.json"

TRY = (
    "As Rita, bring in {file} (six privileges),",
    "  say why it needs each, and submit. See who is asked, and that the privileges wait.",
    "As Theo, approve the app, and as Sana: it reads what Supplier onboarding writes, so the two are a chain.",
    "As Omar, approve one privilege, shorten one, refuse one; as Mei, decide the rest; as Viktor, sign what is in conflict.",
    "As Jonas, accept what was approved: it goes live with that and nothing else.",
    "As Jonas, look at what Omar decided: Jonas is the database's deputy, and the page says why he may not (SOD-3).",
    "As Piet and Omar, answer the reviews of the Weekly stock report; or move the clock and see what silence does.",
    "As Sana, confirm who answers for Web analytics, which Grace has proposed.",
    "As Grace, decide about the Newsletter writer: is it what she rejected a month ago?",
    "As Sana, look at the campaign about keys in a mail: who has answered, what silence will do. Or open another one.",
    "As Karl, see who left and what of it nobody has yet; as Mei, declare an incident on the Supplier Drive, and see what comes up for review.",
    "As Amara, give the Incident scribe to another team, and see what would end sooner.",
    "As Yuki, verify the ledger.",
)

#: Every automation with its state.
LOOK = (
    ("Price list sync", "a draft with things missing"),
    ("Leave request helper", "in review, before stage 1; its lead brought it in, so others sign"),
    ("Shift handover agent", "in review, on trial; runs as the same identity as the Incident scribe, under a waiver"),
    ("Invoice chaser", "stage 2: approved, narrowed, refused, sent back with a question, waiting"),
    ("Payment run exporter", "decided, waits for Jonas to accept the rest"),
    ("Supplier onboarding", "live without what was refused; version 2 is in review"),
    ("Weekly stock report", "live, its reviews are open"),
    ("Delivery route planner", "live, its review is overdue and was handed on"),
    ("Stock question agent", "live: one privilege renewed, one at its end, one revoked yesterday"),
    ("Incident scribe", "live with an identity of its own; one grant was stopped on its own"),
    ("Web analytics digest", "live, its owner left: Tom answers meanwhile, and nobody for what it reads"),
    ("Rates on the intranet", "live for months by the light path: Mei decided the app, policy what it reads"),
    ("Stock forecast (trial)", "live in test, of low risk; Omar objected, so he was asked and not policy"),
    ("Two-week stock forecast", "that trial, promoted to production: decided there anew, on the production database"),
    ("Cold chain alert", "stopped by its kill switch; one person has asked to lift that"),
    (
        "Voucher mailer",
        "high risk, decided by two; nobody answered its review: it lost what it held, and nobody took that away",
    ),
    ("Price tag printer", "retired by its owner, in the middle of a review; two looked whether what it held is gone"),
    ("Campaign copy agent", "rejected as an app"),
    ("Newsletter writer", "in review, and may be the same as that: Grace says, as she decides"),
    ("Salary question helper", "approved in part, and declined by its owner"),
    ("Alert deduplicator", "nobody decided in time, then nobody accepted: expired"),
    ("Reorder proposals", "described by the form, withdrawn by whoever submitted it"),
)


class Command(BaseCommand):
    """Prints nothing if the demo is not loaded."""

    help = "Say where the demo is, who can sign in as what, and what to try."

    def handle(self, *args: object, **options: object) -> None:
        try:
            load.check_demo()
        except NotADemo as error:
            raise CommandError(str(error)) from error
        if load.check_database() is not DatabaseContent.DEMO:
            return
        for line in lines():
            self.stdout.write(line)


def lines() -> list[str]:
    """Lines to print."""
    people = {row.key: row for row in people_and_teams.PEOPLE}
    longest = max(len(people[key].name) for key, _ in PEOPLE_TO_TRY)
    state = max(len(name) for name, _ in LOOK)
    file = TO_BRING_IN.relative_to(settings.BASE_DIR)
    return [
        f"This is a demo, {people_and_teams.NAME}. Its people, its past and its figures are made up. {grant_usage.WORDS}",
        "",
        f"Sign in at {settings.BASE_URL}{reverse('account_login')} by picking a name, or with an address and the password",
        f"{people_and_teams.PASSWORD}, which is also asked for again before a high-risk decision. For instance as",
        *(f"  {people[key].name:{longest}}  {address(people[key])}: {words}" for key, words in PEOPLE_TO_TRY),
        "",
        "What to try:",
        *(f"  {text.format(file=file)}" for text in TRY),
        "",
        "What is there to look at:",
        *(f"  {name:{state}}  {words}" for name, words in LOOK),
        "",
        "make reset-demo throws all of it away and loads it afresh.",
    ]
