"""Command `demo_hints`: address, people and things to try; `make run` prints it."""

from pathlib import Path

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from governance.demo.company import grant_usage, tables
from governance.demo.loading import load
from governance.demo.loading.load import DatabaseContent
from governance.demo.stories.scenes import EXPORTS

#: People by key with their parts, lines about things to try, and automations by name with their states.
HINTS = yaml.safe_load((Path(grant_usage.__file__).with_name("hints.yaml")).read_text(encoding="utf-8"))
#: An export that is not loaded, to import by hand.
TO_IMPORT = EXPORTS / "supplier-statement-check.json"


class Command(BaseCommand):
    """Prints nothing if the demo is not loaded."""

    help = "Say where the demo is, who can sign in as what, and what to try."

    def handle(self, *args: object, **options: object) -> None:
        load.check_demo()
        if load.check_database() is DatabaseContent.DEMO:
            self.stdout.write("\n".join(lines()))


def lines() -> list[str]:
    """Lines to print."""
    people = {row.key: row for row in tables.PEOPLE if row.key in HINTS["people"]}
    longest = max(len(row.name) for row in people.values())
    file, state = TO_IMPORT.relative_to(settings.BASE_DIR), max(map(len, HINTS["look"]))
    return [
        f"This is a demo, {tables.NAME}. Its people, its past and its figures are made up. {grant_usage.WORDS}",
        "",
        f"Sign in at {settings.BASE_URL}{reverse('account_login')} by picking a name, or with an address and the password",
        f"{tables.PASSWORD}, which is also asked for again before a high-risk decision. For instance as",
        *(f"  {people[key].name:{longest}}  {people[key].address}: {part}" for key, part in HINTS["people"].items()),
        "",
        "What to try:",
        *(f"  {text.format(file=file)}" for text in HINTS["try"]),
        "",
        "What is there to look at:",
        *(f"  {name:{state}}  {words}" for name, words in HINTS["look"].items()),
        "",
        "make reset-demo throws all of it away and loads it afresh.",
    ]
