"""Steps of the set-up, in the order in which they are done (S9). A fixed number of queries, however large the organisation is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.text import get_text_list

from approvals.models import Submission
from approvals.policies import queries as policy_queries
from governance.core.health import queries as health_queries
from governance.core.models import DirectoryEntry, Notice, NoticeState, Person, Team, TeamKind
from governance.core.models.directory import EntryKind
from governance.core.roles.roles import Role
from governance.core.texts.number_words import counted
from governance.portal.single_sign_on import providers
from inventory.models import Automation, Resource, ResourceState

#: The event of the mail with which an admin tries the mail server.
MAIL_TEST = "mail_test"
#: So many rows are named; the rest are counted.
NAMED = 3


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        key: its name, for addresses on the page.
        title: what it is about.
        state: ``done``, ``missing``, or ``optional`` for a step that an organisation can do without.
        sentences: what is there, or what is missing.
        links: labels and paths of the pages on which it is done.
    """

    key: str
    title: str
    state: str
    sentences: list[str]
    links: list[tuple[str, str]]


def steps(reader: Person, *, now: datetime, at: datetime) -> list[Step]:
    """Return all steps.

    Args:
        reader: the admin, whose mail is tried.
        now: business time.
        at: real time.
    """
    findings = health_queries.findings(now=now, at=at)
    lacking = [finding.sentence for finding in findings if finding.part == "people"]
    failures = [finding.sentence for finding in findings if finding.is_failure]
    return [
        _sign_in(),
        _directory(),
        _people(lacking),
        _teams(now),
        _approvers_of_last_resort(),
        _resources(),
        _policy(now),
        _mail(mail_test_of(reader)),
        _first_import(),
        Step("health", "Health", _state(not failures), failures or ["No failures."], [("Health", reverse("health"))]),
    ]


def mail_test_of(reader: Person) -> Notice | None:
    """Return the reader's last test of the mail server."""
    return Notice.objects.filter(recipient=reader, event=MAIL_TEST).order_by("-pk").first()


def _state(done: object, otherwise: str = "missing") -> str:
    return "done" if done else otherwise


def _sign_in() -> Step:
    names = [provider.name for provider in providers.configured()]
    sentence = f"People sign in with {get_text_list(names, 'and')}." if names else "People sign in with a password."
    more = [] if names else ["The operator can add a provider in the settings (OpenID Connect)."]
    return Step("sign-in", "Single sign-on", _state(names, "optional"), [sentence, *more], [])


def _directory() -> Step:
    users = DirectoryEntry.objects.filter(kind=EntryKind.USER).values("source")
    sources = list(users.annotate(users=Count("pk")).order_by("source").values_list("source", "users"))
    sentences = [f"{source}: {counted(count, 'user')}." for source, count in sources]
    none = ["No directory has sent users yet (SCIM). Lists do the same by hand."]
    return Step("directory", "Directory", _state(sources, "optional"), sentences or none, _lists())


def _lists() -> list[tuple[str, str]]:
    return [("Upload lists", reverse("lists"))]


def _people(lacking: list[str]) -> Step:
    here = Person.objects.here().count()
    sentences = lacking or [f"{counted(here, 'person', 'people')}. Both tiers have enough different approvers."]
    links = [("People & teams", reverse("people")), *_lists()]
    return Step("people", "People and roles", _state(not lacking), sentences, links)


def _teams(now: datetime) -> Step:
    """Say which teams lack a lead though a builder is in them: nobody decides there about an app (T3)."""
    teams, builders = Team.objects.filter(kind=TeamKind.BUSINESS), Person.objects.with_role(Role.BUILDER, now)
    led = Q(lead__is_active=True, lead__left_at__isnull=True)
    leaderless = teams.filter(memberships__person__in=builders).exclude(led).distinct()
    count = teams.count()
    here = f"{counted(count, 'team')}." if count else "No team yet."
    sentences = [here, *_named(leaderless, "Builders, but no lead, are in")]
    return Step("teams", "Teams", _state(count and len(sentences) == 1), sentences, [_register("people", "Teams")])


def _approvers_of_last_resort() -> Step:
    members = Person.objects.here().filter(memberships__team__kind=TeamKind.FALLBACK).distinct().count()
    sentence = "Nobody decides yet where all others are conflicted or have left: found a team of fallback approvers."
    sentences = (
        [f"{counted(members, 'person', 'people')} can decide where all others can’t."] if members else [sentence]
    )
    return Step("fallback", "Fallback approvers", _state(members), sentences, [("Found a team", reverse("team_found"))])


def _resources() -> Step:
    states = Resource.objects.aggregate(
        active=Count("pk", Q(state=ResourceState.ACTIVE)), proposed=Count("pk", Q(state=ResourceState.PROPOSED))
    )
    active, proposed = states["active"], states["proposed"]
    sentences = [f"{counted(active, 'resource')} in use." if active else "No resource is in use yet."]
    if proposed:
        sentences.append(f"{counted(proposed, 'resource')} {'waits' if proposed == 1 else 'wait'} for an owner’s word.")
    return Step(
        "resources", "Resources", _state(active), sentences, [_register("resource_list", "Resources"), *_lists()]
    )


def _policy(now: datetime) -> Step:
    policy = policy_queries.in_force(now)
    is_shipped = policy.version.number == 1
    words = (
        "The shipped policy is in force. Read it once."
        if is_shipped
        else f"Version {policy.version.number} is in force."
    )
    return Step("policy", "Policy", _state(not is_shipped, "optional"), [words], [_register("policies", "Policies")])


def _mail(test: Notice | None) -> Step:
    if not settings.MAIL_SERVER:
        return Step("mail", "Mail", "optional", ["No mail server is set, so mail is kept in the portal."], [])
    if test is None:
        return Step("mail", "Mail", "missing", ["Send yourself a test."], [])
    done, words = {
        NoticeState.SENT: (True, "The mail server took the test."),
        NoticeState.FAILED: (False, f"The test failed: {test.error}"),
    }.get(NoticeState(test.state), (False, f"The test is queued. {test.error}".strip()))
    return Step("mail", "Mail", _state(done), [words], [])


def _first_import() -> Step:
    automations, submitted = Automation.objects.count(), Submission.objects.exists()
    words = f"{counted(automations, 'automation')}." if automations else "No automation has been imported yet."
    more = [] if submitted or not automations else ["None has been submitted."]
    return Step(
        "import", "First import", _state(submitted), [words, *more], [_register("automation_list", "Automations")]
    )


def _register(url_name: str, label: str) -> tuple[str, str]:
    return label, reverse(url_name)


def _named(rows: "QuerySet[Team]", words: str) -> Iterator[str]:
    """Yield one sentence with the first rows' names and the number of the others, if there are rows."""
    if names := list(rows.order_by("name").values_list("name", flat=True)):
        more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        yield f"{words}: {get_text_list([*names[:NAMED], *more], 'and')}."
