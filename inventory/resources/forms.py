"""Forms of resources and their entitlements; rows of lists are checked by them too."""

from django import forms

from governance.core.models import Team
from governance.core.people.person_field import PersonField
from inventory.models import DataClass, Environment, Level, ResourceKind, ScopeKind


class OwnerForm(forms.Form):
    """Owner and deputy of a resource."""

    owner = PersonField()
    deputy = PersonField(label="Backup approver")


class ResourceForm(forms.Form):
    """Description of a resource."""

    name = forms.CharField(max_length=160)
    kind = forms.ChoiceField(choices=ResourceKind, help_text="Once it is in use two people change this.")
    data_class = forms.ChoiceField(
        choices=[("", "Choose one"), *DataClass.choices],
        help_text="How much harm a leak would do. Once it is in use it can only be raised here.",
    )
    environment = forms.ChoiceField(choices=Environment, initial=Environment.PRODUCTION)
    about = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


class NewResourceForm(ResourceForm, OwnerForm):
    """New resource with its owner and deputy."""

    field_order = ("name", "kind", "team", "owner", "deputy", "data_class", "environment", "about")

    team = forms.ModelChoiceField(Team.objects.all(), empty_label="Choose a team")


class EntitlementForm(forms.Form):
    """One entitlement on a resource (I4)."""

    code = forms.CharField(max_length=160, help_text="As the resource itself names it: a tool, a scope, a role.")
    words = forms.CharField(max_length=200, help_text="A verb and an object: Post messages.")
    level = forms.ChoiceField(choices=[choice for choice in Level.choices if choice[0] != Level.UNKNOWN])
    scope_kind = forms.ChoiceField(choices=ScopeKind, label="What “narrower” means", initial=ScopeKind.NONE)
    data_class = forms.ChoiceField(choices=[("", "The resource’s own"), *DataClass.choices], required=False)
    outbound = forms.BooleanField(required=False, label="It carries data to where others can read it")
