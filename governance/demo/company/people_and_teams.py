"""Tables of the demo's company, Northwind Foods: people, roles and teams.

`resources` holds the resources, and `founding` creates rows from both. The tests' cast shares the names.
"""

from __future__ import annotations

from typing import NamedTuple

from governance.core.models import TeamKind
from governance.core.roles.roles import Role

#: Password of all demo people, who exist only in a demo.
PASSWORD = "northwind-demo"  # noqa: S105  printed by `demo_hints`

NAME = "Northwind Foods"
MAIL_DOMAIN = "northwind.example"


class PersonRow(NamedTuple):
    """One person: key, name and title. The address derives from the name."""

    key: str
    name: str
    title: str


class TeamRow(NamedTuple):
    """One team: key, name, parent, lead, deputy lead, kind, members; people and teams by key."""

    key: str
    name: str
    above: str
    lead: str
    deputy: str
    kind: TeamKind
    members: tuple[str, ...]


#: The bootstrap names the first four: two admins, two security reviewers.
PEOPLE = (
    PersonRow("ines", "Ines Moreau", "Governance admin"),
    PersonRow("karl", "Karl Jensen", "Governance admin"),
    PersonRow("sana", "Sana Iqbal", "Security engineer"),
    PersonRow("viktor", "Viktor Lind", "Lead, Security"),
    PersonRow("rita", "Rita Novak", "Accounts payable specialist"),
    PersonRow("jonas", "Jonas Weil", "Head of accounts payable"),
    PersonRow("theo", "Theo Brandt", "Lead, Finance Operations"),
    PersonRow("bram", "Bram Visser", "Deputy lead, Finance Operations"),
    PersonRow("omar", "Omar Haddad", "Platform engineer"),
    PersonRow("amara", "Amara Okafor", "Lead, Platform Engineering"),
    PersonRow("mei", "Mei Tanaka", "Lead, IT Operations"),
    PersonRow("lena", "Lena Fischer", "Lead, Supply Engineering"),
    PersonRow("piet", "Piet de Vries", "Supply chain engineer"),
    PersonRow("grace", "Grace Lindqvist", "Lead, Marketing"),
    PersonRow("tom", "Tom Ashby", "Campaign manager"),
    PersonRow("nadia", "Nadia Petrov", "Lead, People"),
    PersonRow("yuki", "Yuki Sato", "Internal audit"),
    PersonRow("arjun", "Arjun Mehta", "Site reliability engineer"),
    PersonRow("elif", "Elif Kaya", "Systems engineer"),
    PersonRow("clara", "Clara Bianchi", "People operations"),
    PersonRow("hugo", "Hugo Martens", "Web analyst"),
)

#: Keys of people who leave in a story.
LEAVES = ("hugo",)

BOOTSTRAP_ADMINS = ("ines", "karl")
BOOTSTRAP_REVIEWERS = ("sana", "viktor")

#: Roles to give: proposed by an admin, countersigned by the other, accepted by the person.
ROLES = (
    ("rita", Role.BUILDER),
    ("piet", Role.BUILDER),
    ("tom", Role.BUILDER),
    ("nadia", Role.BUILDER),
    ("arjun", Role.BUILDER),
    ("elif", Role.BUILDER),
    ("clara", Role.BUILDER),
    ("hugo", Role.BUILDER),
    ("yuki", Role.AUDITOR),
    ("mei", Role.ON_CALL),
)

_BUSINESS = TeamKind.BUSINESS
TEAMS = (
    TeamRow("company", "Northwind", "", "", "", _BUSINESS, ("ines", "karl", "yuki")),
    TeamRow("engineering", "Engineering", "company", "", "", _BUSINESS, ("omar",)),
    TeamRow("operations", "Operations", "company", "", "", _BUSINESS, ()),
    TeamRow("business", "Business", "company", "", "", _BUSINESS, ("mei",)),
    TeamRow("platform", "Platform Engineering", "engineering", "amara", "", _BUSINESS, ("omar", "amara", "arjun")),
    TeamRow("supply", "Supply Engineering", "engineering", "lena", "", _BUSINESS, ("lena", "piet")),
    TeamRow(
        "finance_ops", "Finance Operations", "operations", "theo", "bram", _BUSINESS, ("rita", "jonas", "theo", "bram")
    ),
    TeamRow("it_ops", "IT Operations", "operations", "mei", "", _BUSINESS, ("mei", "elif")),
    TeamRow("marketing", "Marketing", "business", "grace", "", _BUSINESS, ("grace", "tom", "hugo")),
    TeamRow("people_team", "People (HR)", "business", "nadia", "", _BUSINESS, ("nadia", "clara")),
    TeamRow("security", "Security", "company", "viktor", "", TeamKind.SECURITY, ("viktor", "sana")),
    TeamRow("fallback", "Fallback owners", "company", "", "", TeamKind.FALLBACK, ("amara", "bram")),
)
