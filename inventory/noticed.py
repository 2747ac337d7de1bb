"""What was noticed about a version, as a person reads it: the same words in the preview, in the review and on the automation's page."""

from __future__ import annotations

#: What a finding is called; one that is not here is called as its code says.
WORDS = {
    "env_reference": "Takes something from its environment",
    "wildcard": "Allows every tool",
    "opaque_code": "Code that nobody can judge from here",
    "open_webhook": "Can be started by anybody who knows its address",
    "dynamic_host": "Whom it calls is worked out at run time",
    "unpinned_component": "The version of a part is not fixed",
    "dormant": "Switched off",
    "pinned_data": "The export holds captured data",
    "credential_reach": "Reach of a credential",
}


def lead(code: str, place: str = "") -> str:
    """What was noticed; of which credential or identity, where it is about one."""
    said = WORDS.get(code) or code.replace("_", " ").capitalize()
    kind, _, name = place.partition("/")
    return f"{said}: {name}" if kind in ("credentials", "identities") and name else said
