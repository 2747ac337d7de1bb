"""Forms of people and teams; rows of lists are checked by them too."""

from django import forms

from governance.core.models import Team, TeamKind


class PersonForm(forms.Form):
    """A person with a local sign-in."""

    name = forms.CharField(max_length=120)
    email = forms.EmailField(
        label="Mail address",
        max_length=254,
        help_text="They sign in with it. Their name and address stay out of the ledger.",
    )
    title = forms.CharField(max_length=120, required=False)


class TeamForm(forms.Form):
    """A team; its leads are proposed later."""

    name = forms.CharField(max_length=120)
    teams = Team.objects.order_by("name")
    parent = forms.ModelChoiceField(teams, label="Under", required=False, empty_label="Nothing: it is a root")
    kind = forms.ChoiceField(choices=TeamKind)
