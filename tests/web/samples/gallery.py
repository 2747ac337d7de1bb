"""Every component in every state."""

from __future__ import annotations

import re
from datetime import timedelta

from django import forms

from governance.web.components import state_words
from tests.web.harness import NOW, ROOT
from tests.web.samples import imports, review
from tests.web.samples.row_samples import Shape, at

SYMBOL = re.compile(r'<symbol id="([a-z0-9-]+)"')


class Sample(forms.Form):
    """One field of each kind, some with errors."""

    name = forms.CharField(help_text="As its team calls it")
    mail = forms.EmailField()
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
    kind = forms.ChoiceField(choices=[("a", "Agent"), ("w", "Workflow")])
    sure = forms.BooleanField(label="I am sure", required=False)
    days = forms.MultipleChoiceField(choices=[("1", "Monday"), ("2", "Tuesday")], widget=forms.CheckboxSelectMultiple)
    one = forms.ChoiceField(label="One of", choices=[("1", "This"), ("2", "That")], widget=forms.RadioSelect)


class SampleRefusal:
    """A refusal as the controls make it."""

    code = "SOD-1"
    kind = "duty"
    sentence = "You submitted this, so you decide nothing in it."
    to_do = "Mei Tanaka has it now."
    detail = ()


def sprite() -> list[str]:
    """Names of the symbols in the sprite that are drawn as icons."""
    names = SYMBOL.findall((ROOT / "static" / "icons.svg").read_text())
    return [name for name in names if name.partition("-")[0] not in ("seal", "tier", "data")]


def everything() -> Shape:
    """The gallery's context."""
    whole = review.owner()
    return {
        **{key: whole[key] for key in ("steps", "remarks", "remark", "events", "ledger_href")},
        "head": {
            "title": "Gallery",
            "seal": "full",
            "seal_tone": "ok",
            "tag": {"text": "Live, version 3", "tone": "ok"},
            "tier": "high",
            "facts": [
                "one",
                {"text": "two", "tone": "no"},
                {"text": "three", "mono": True},
                {"text": "four", "href": "/"},
            ],
            "actions": [{"label": "Quiet", "href": "/"}],
        },
        "next": {
            "lead": "One thing is next.",
            "text": "It says what and why.",
            "actions": [{"label": "Do it", "kind": "filled", "post": "/do"}],
        },
        "chips": [
            {"label": "Mine", "href": "/", "count": 0, "current": True},
            {"separator": True},
            {"label": "All", "href": "/"},
        ],
        "filters": {
            "action": "/",
            "words": "invoice",
            "fields": [
                {"name": "tier", "label": "Risk", "options": [{"value": "high", "label": "High", "selected": True}]}
            ],
            "dated": True,
            "clear_href": "/",
        },
        "tabs": [
            {"key": "a", "label": "Overview", "href": "/", "current": True},
            {"key": "b", "label": "Versions", "href": "/b", "count": 1204},
        ],
        "icons": sprite(),
        "seals": ["none", "left", "right", "full"],
        "tiers": list(state_words.TIERS),
        "classes": list(state_words.DATA_CLASSES),
        "level_names": list(state_words.LEVELS),
        "states": {kind: list(values) for kind, values in state_words.STATES.items()},
        "tones": ["acc", "ok", "no", "wait", "ask", "high"],
        "times": [NOW + timedelta(hours=hours) for hours in (-30, -3, 2, 20, 60, 24 * 9)],
        "term": {"begins": at(24, month=9), "ends": at(23, month=3, year=2027)},
        "parts": list(state_words.SEGMENTS),
        "weeks": [7, 7, 6, 7, 0, 1, 0],
        "refusal": SampleRefusal(),
        "form": Sample({"name": "", "mail": "no", "sure": "on"}),
        "route": imports.route(),
        "pager": {"newer_href": "/", "older_href": "/", "words": "50 of 1,204"},
    }
