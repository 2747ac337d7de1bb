"""The demo's company, Northwind Foods, from its tables: ``people.csv``, ``teams.csv`` and ``resources.csv``.

`founding` creates rows from them. The tests' cast shares the names.
"""

from typing import NamedTuple

from governance.core.texts.csv_tables import read_rows

#: Password of all demo people, who exist only in a demo.
PASSWORD = "northwind-demo"  # noqa: S105  printed by `demo_hints`

NAME = "Northwind Foods"
MAIL_DOMAIN = "northwind.example"


class PersonRow(NamedTuple):
    """One person. The bootstrap names two admins and two reviewers; others get a role, or none."""

    key: str
    name: str
    title: str
    bootstrap: str
    role: str
    #: Whether the person leaves in a story.
    leaves: str

    @property
    def address(self) -> str:
        """The mail address, also for signing in."""
        return f"{'.'.join(self.name.lower().split())}@{MAIL_DOMAIN}"


class TeamRow(NamedTuple):
    """One team; people and the team above by key, members with semicolons between."""

    key: str
    name: str
    above: str
    lead: str
    deputy: str
    kind: str
    members: str


class ResourceRow(NamedTuple):
    """One resource: people and team by key; its connections, each as ``connector|instance``, with semicolons between.

    Its deputy confirms the connections (``confirmed_by``) if the owner builds on them.
    """

    key: str
    name: str
    kind: str
    data_class: str
    owner: str
    deputy: str
    team: str
    environment: str
    in_use: str
    confirmed_by: str
    connections: str
    has_usage: str
    about: str


PEOPLE = [PersonRow(**row) for row in read_rows(__file__, "people.csv")]
TEAMS = [TeamRow(**row) for row in read_rows(__file__, "teams.csv")]
RESOURCES = [ResourceRow(**row) for row in read_rows(__file__, "resources.csv")]
