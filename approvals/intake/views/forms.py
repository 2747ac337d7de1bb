"""Forms of the import: answers about the automation, a proposed resource, and a manual description."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms

from governance.core.models import Person, Team
from governance.core.people.person_field import PersonField
from governance.web.requests.request import number
from inventory.models import Automation, AutomationKind, AutomationState, Environment, ResourceKind
from inventory.ownership.views.owner_field import OwnerField, offer_owners

#: Levels of a manual description.
LEVELS = (("read", "Read"), ("write", "Write"), ("execute", "Run things"), ("admin", "Administer"))
TRIGGERS = (
    ("manual", "A person starts it"),
    ("schedule", "A schedule"),
    ("event", "Something that happens elsewhere"),
    ("webhook", "A call to an address"),
    ("chat", "A chat message"),
)


def without_id(team: Team, platform: str, environment: str) -> list[Automation]:
    """Automations of the team that a source without an id of its own could update."""
    automations = Automation.objects.filter(
        team=team, platform_instance=platform, environment=environment, external_id=""
    )
    return list(automations.exclude(state=AutomationState.RETIRED).order_by("name", "pk")[:50])


def posted_answers(posted: Mapping[str, str]) -> dict[str, Any]:
    """Posted answers about the automation, valid or not, in the form of a draft; people as ids.

    Args:
        posted: the form's data; missing fields are left out of the result.
    """
    texts, people = ("name", "purpose", "environment", "escalation_contact"), ("business_owner", "technical_owner")
    answers: dict[str, Any] = {name: posted[name][:4000] for name in texts if name in posted}
    if not answers.get("name", "").strip():
        answers.pop("name", None)  # the name of the source counts
    return answers | {name: number(posted[name]) for name in people if name in posted}


def offer(form: forms.Form, name: str, choices: Sequence[tuple[str, str]], least: int = 0) -> None:
    """Set the choices of a field; with fewer than the least there is no field."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
    if len(choices) < least:
        del form.fields[name]


class TeamForm(forms.Form):
    """A form with the builder's teams; with one team there is no field.

    An incomplete form reaches the server: a draft may lack answers, and errors stand beside their fields.
    """

    use_required_attribute = False

    team = forms.ChoiceField(label="Built for")

    def __init__(self, data: Any = None, *, teams: Sequence[Team], **more: Any) -> None:
        super().__init__(data, **more)
        offer(self, "team", [(str(team.pk), team.name) for team in teams], least=2)


class AutomationForm(TeamForm):
    """Answers about the automation, beside its rows.

    Args:
        people: possible owners.
        teams: the builder's teams.
        automations: automations that a source without an id could update; without any there is no field.
        siblings: automations that a new one could be promoted from; without any there is no field.
    """

    field_order = ("purpose", "name", "team", "business_owner", "technical_owner")

    name = forms.CharField(max_length=160, required=False)
    automation = forms.ChoiceField(label="Is a new version of", required=False)
    sibling = forms.ChoiceField(
        label="Promoted from",
        required=False,
        help_text="The same in another environment; its answers are filled in.",
    )
    purpose = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One or two sentences: what it does, and for which team.",
        error_messages={"required": "Say what it is for, in a sentence or two."},
    )
    business_owner = OwnerField(
        "Choose somebody",
        help_text="Who is accountable for it.",
        error_messages={"required": "Name who is accountable for it."},
    )
    technical_owner = OwnerField("Nobody yet", required=False, help_text="Who keeps it running.")
    environment = forms.ChoiceField(choices=Environment.choices, initial=Environment.PRODUCTION)
    escalation_contact = forms.CharField(
        max_length=160, required=False, help_text="A contact for incidents, for instance a channel."
    )

    def __init__(
        self,
        data: Any = None,
        *,
        people: Iterable[Person],
        automations: Sequence[Automation],
        siblings: Sequence[Automation],
        **more: Any,
    ) -> None:
        super().__init__(data, **more)
        offer_owners(self, people)
        others = [(str(automation.pk), automation.name) for automation in automations]
        below = [(str(row.pk), f"{row.name}, {row.get_environment_display().lower()}") for row in siblings]
        offer(self, "automation", [("", "A new automation"), *others], least=2)
        offer(self, "sibling", [("0", "Nothing: it is new"), *below], least=2)


class OrderForm(TeamForm):
    """Answers for all automations of an upload.

    Args:
        people: possible owners.
        teams: the builder's teams.
    """

    business_owner = OwnerField(
        "Choose somebody",
        help_text="The accountable owner of each new automation. Registered automations keep their owners.",
        error_messages={"required": "Name who is accountable for them."},
    )
    technical_owner = OwnerField("Nobody yet", required=False, help_text="Who keeps them running.")
    environment = forms.ChoiceField(choices=Environment.choices, initial=Environment.PRODUCTION)

    def __init__(self, data: Any = None, *, people: Iterable[Person], **more: Any) -> None:
        super().__init__(data, **more)
        offer_owners(self, people)


class NewResource(forms.Form):
    """A new resource that a connection opens. The suggested owner gains no rights (I8)."""

    name = forms.CharField(max_length=160, help_text="As people here call it: our Slack workspace.")
    kind = forms.ChoiceField(choices=ResourceKind.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    about = forms.CharField(label="What it is", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    suggested_owner = PersonField(
        required=False,
        empty_label="I don’t know",
        help_text="An admin names the owner; the owner accepts.",
    )


class DescriptionForm(TeamForm):
    """An automation without an export."""

    field_order = ("name", "team")

    name = forms.CharField(max_length=160)
    kind = forms.ChoiceField(choices=AutomationKind.choices, initial=AutomationKind.SCRIPT)
    platform = forms.CharField(
        label="Where it runs", max_length=60, help_text="In a word or two: cron on the finance server."
    )
    starts = forms.ChoiceField(label="What starts it", choices=TRIGGERS)
    is_open = forms.BooleanField(label="Anybody with the address can start it, without signing in", required=False)


class DescribedPrivilegeForm(forms.Form):
    """One use of a registered resource."""

    use_required_attribute = False

    resource = forms.ChoiceField()
    does = forms.CharField(
        label="What it does there", max_length=120, help_text="A verb and a thing: post messages, read invoices."
    )
    level = forms.ChoiceField(choices=LEVELS)
    target = forms.CharField(
        label="On what of it", max_length=300, required=False, help_text="Tables, a channel, a folder; commas between."
    )
    model_controlled = forms.BooleanField(label="A model chooses what it does", required=False)

    def __init__(self, *args: Any, resources: Iterable[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        offer(self, "resource", [("", "Choose a resource"), *resources])

    def has_changed(self) -> bool:
        """Whether the row has input; defaults do not count."""
        return bool({"resource", "does", "target"} & set(self.changed_data))
