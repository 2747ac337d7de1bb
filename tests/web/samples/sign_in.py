"""Signing in: a demo with its cast, and a wrong password."""

from __future__ import annotations

from dataclasses import replace

from django import forms

from tests.web.harness import Frame
from tests.web.samples.row_samples import Shape

CAST = (
    ("Rita Novak", "Builder, Finance Operations"),
    ("Theo Brandt", "Lead of Finance Operations"),
    ("Omar Haddad", "Owner of ERP Postgres and Finance Slack"),
    ("Mei Tanaka", "Lead of IT Operations, owner of Supplier Drive"),
    ("Sana Iqbal", "Security reviewer"),
    ("Jonas Weil", "Business owner, Finance Operations"),
    ("Yuki Sato", "Auditor"),
    ("Ines Moreau", "Governance admin"),
)


class Login(forms.Form):
    """Like allauth's own form."""

    login = forms.EmailField(label="Mail address", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))


def demo() -> Shape:
    """The sign-in page of a demo."""
    return {
        "chrome": replace(Frame(person_name=""), demo=True),
        "form": Login(),
        "next": "/recertify/88",
        "demo_people": [
            {"name": name, "title": title, "opaque_id": str(index)} for index, (name, title) in enumerate(CAST)
        ],
    }


def wrong() -> Shape:
    """The sign-in page after a wrong password, outside a demo."""
    form = Login({"login": "rita.novak", "password": "x"})
    form.add_error(None, "The mail address and the password don’t fit together.")
    return {"chrome": Frame(person_name=""), "form": form}
