"""midPoint's role exclusions: what is of two or more roles becomes a rule, what says more is refused by line (S6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from approvals.conflicts import midpoint
from approvals.conflicts.imported import Imported
from approvals.conflicts.rules import Held, read

pytestmark = pytest.mark.rule("S6")

SPACE = 'xmlns="http://midpoint.evolveum.com/xml/ns/public/common/common-3"'
OTHERS = "".join(
    f'<role oid="{oid}" {SPACE}><name>{name}</name></role>' for oid, name in (("p", "Pirate"), ("q", "Queen"))
)


def exclusion(oid: str, more: str = "") -> str:
    return f'<exclusion>{more}<targetRef oid="{oid}" type="RoleType"/></exclusion>'


def policy(constraints: str, actions: str = "", more: str = "") -> str:
    return (
        f"<policyRule>{more}<policyConstraints>{constraints}</policyConstraints>"
        f"<policyActions>{actions}</policyActions></policyRule>"
    )


def judge(inner: str, kind: str = "role", name: str = "<name>Judge</name>") -> str:
    return f'<{kind} oid="j" {SPACE}>{name}{inner}</{kind}>'


def of(*objects: str) -> Imported:
    return midpoint.read([("all.xml", f"<objects>\n{''.join(objects)}{OTHERS}</objects>".encode())])


def held_by(constraints: str, actions: str = "", more: str = "") -> Imported:
    return of(judge(f"<assignment>{policy(constraints, actions, more)}</assignment>"))


def sides(found: Imported) -> list[list[str]]:
    return [[leg["name"] for leg in document["legs"]] for document in found.documents]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x.xml, line 1: it is not XML from here on"),
        (b"<role>\n<name>", "x.xml, line 2: it is not XML from here on"),
        (b"<?xml version='1.0' encoding='nope'?><role/>", "x.xml: its encoding is not known"),
        (b"<?xml version='1.0' encoding='utf-7'?><role/>", "x.xml: its encoding is not known"),
        (b"<!DOCTYPE role [<!ENTITY a 'x'>]>\n<role>&a;</role>", "x.xml, line 1: it brings a DTD, which is not read"),
        (b"<!DOCTYPE role SYSTEM 'file:///etc/passwd'><role/>", "x.xml, line 1: it brings a DTD, which is not read"),
        (b"<role>&undeclared;</role>", "x.xml, line 1: it is not XML from here on"),
        (b"<a>" * 100_000, "x.xml, line 1: it is nested too deep"),
        (b"<a>" + b"<b/>" * 300_001 + b"</a>", "x.xml, line 1: it holds more than 300,000 elements"),
        (b"<a>" + b" " * midpoint.SIZE + b"</a>", "x.xml: it is larger than 20 MB"),
    ],
)
def test_a_file_that_is_no_plain_xml_is_refused_and_nothing_of_it_is_expanded(data: bytes, said: str) -> None:
    found = midpoint.read([("x.xml", data), ("y.xml", judge("").encode())])
    assert not found.documents
    assert len(found.problems) == 1
    assert said in str(found.problems[0])


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (f"<inducement>{policy(exclusion('p'))}</inducement>", "it is about whatever has this role"),
        (f"<assignment><condition/>{policy(exclusion('p'))}</assignment>", "a condition of its assignment"),
        (f"<assignment>{policy(exclusion('p'), more='<condition/>')}</assignment>", "(condition)"),
        (f"<assignment>{policy(exclusion('gone'))}</assignment>", "what it excludes (gone) is not among the files"),
        (
            f"<assignment>{policy('<exclusion><targetRef><filter/></targetRef></exclusion>')}</assignment>",
            "is worked out when it is asked",
        ),
        (
            f"<assignment>{policy(exclusion('p', '<orderConstraint/>'))}</assignment>",
            "it is narrowed (orderConstraint)",
        ),
        (f"<assignment>{policy(exclusion('p') + '<timeValidity/>')}</assignment>", "another constraint (timeValidity)"),
        (f"<assignment>{policy('<not>' + exclusion('p') + '</not>')}</assignment>", "another constraint (not)"),
        (f"<assignment>{policy(exclusion('p') + '<and/>')}</assignment>", "it joins nothing"),
        (
            f"<assignment>{policy('<and>' + exclusion('p') * 6 + '</and>')}</assignment>",
            "it joins more than 5 exclusions",
        ),
        (
            f"<assignment>{policy(('<or>' + exclusion('p') * 8 + '</or>') * 2)}</assignment>",
            "it holds in more than 50 ways",
        ),
        (f"<assignment>{policy(exclusion('j'))}</assignment>", "it puts something against itself"),
    ],
)
def test_what_says_more_than_a_rule_of_roles_is_refused_by_its_line(inner: str, said: str) -> None:
    found = of(judge(inner))
    assert not found.documents
    (problem,) = found.problems
    assert problem.where == "all.xml, line 2"
    assert said in problem.what
    assert problem.what_to_do.endswith(".")


def test_what_is_of_no_role_or_of_one_without_a_name_is_refused() -> None:
    rule = f"<assignment>{policy(exclusion('p'))}</assignment>"
    assert "it is of no role" in str(of(judge(rule, "user")).problems[0])
    assert "the object has no name" in str(of(judge(rule, name="")).problems[0])
    assert of(judge(rule, "org")).documents


@pytest.mark.parametrize(
    ("actions", "mode"),
    [
        ("", "record"),
        ("<certification/>", "record"),
        ("<remediation/><notification/>", "record"),
        ("<approval/>", "approval"),
        ("<enforcement/>", "enforce"),
        ("<approval/><enforcement/>", "enforce"),
        ("<prune/>", "enforce"),
    ],
)
def test_what_the_policy_does_about_it_is_the_mode(actions: str, mode: str) -> None:
    found = held_by(exclusion("p", "<description>Not at\n once.</description>"), actions)
    assert not found.problems
    assert found.documents[0]["mode"] == mode
    assert found.documents[0]["reason"] == "Not at once."
    assert sides(found) == [["Judge", "Pirate"]]


def test_joined_by_or_they_are_rules_of_two_and_by_and_one_of_all() -> None:
    both = exclusion("p") + exclusion("q")
    assert sides(held_by(f"<or>{both}</or>")) == [["Judge", "Pirate"], ["Judge", "Queen"]]
    assert sides(held_by(f"<and>{both}</and>")) == sides(held_by(both)) == [["Judge", "Pirate", "Queen"]]
    assert sides(held_by(f"{exclusion('p')}<or>{exclusion('q')}{exclusion('p')}</or>")) == [
        ["Judge", "Pirate", "Queen"],
        ["Judge", "Pirate"],
    ]


def test_two_that_exclude_each_other_are_one_rule_and_the_stricter_counts() -> None:
    back = f'<role oid="p" {SPACE}><name>Pirate</name><assignment>{policy(exclusion("j"), "<enforcement/>")}</assignment></role>'
    one = judge(f"<assignment>{policy(exclusion('p'))}</assignment>")
    found = midpoint.read([("a.xml", one.encode()), ("b.xml", back.encode())])
    assert not found.problems
    assert sides(found) == [["Judge", "Pirate"]]
    assert found.documents[0]["mode"] == "enforce"


def test_a_role_is_known_by_all_its_names_and_objects_may_be_of_a_stated_type() -> None:
    name = "<name><orig>Judge</orig><norm>judge</norm></name><displayName>Chief judge</displayName>"
    typed = (
        f'<object oid="j" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="c:RoleType">{name}'
        f"<assignment>{policy(exclusion('p'))}</assignment></object>"
    )
    rule = read(of(typed).documents[0])
    for code in ("judge", "CHIEF JUDGE"):
        assert rule.caught([Held("a", code=code), Held("b", code="pirate")])
    assert not rule.caught([Held("a", code="judge"), Held("b", code="queen")])


def test_more_than_is_read_at_once_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midpoint, "FILES", 1)
    found = midpoint.read([("a.xml", b"<role/>"), ("b.xml", b"<role/>"), ("c.xml", b"<role/>")])
    assert [str(one) for one in found.problems] == [
        "b.xml: it and what follows is more than is read at once. Bring in fewer files at a time."
    ]
    monkeypatch.setattr(midpoint, "FILES", 9)
    monkeypatch.setattr(midpoint, "ELEMENTS_IN_ALL", 1)
    assert "c.xml: it and what follows" in str(
        midpoint.read([("a.xml", b"<role/>"), ("b.xml", b"<role/>"), ("c.xml", b"<role/>")]).problems[0]
    )


def test_real_objects_are_read(real_exports: Path) -> None:
    folder = real_exports / "imports" / "iga_midpoint"
    files = [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*.xml"))]
    assert len(files) >= 100
    found = midpoint.read(files)
    assert [(*pair, one["mode"]) for pair, one in zip(sides(found), found.documents, strict=True)] == [
        ("a-test-2a", "a-test-2b", "record"),
        ("a-test-2a", "a-test-2c", "record"),
        ("a-test-2b", "a-test-2c", "record"),
        ("a-test-3x", "a-test-3y", "record"),
        ("Manager Full Control", "Owner Control", "enforce"),
    ]
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("demo/hogwarts/objects/007-role-policy-rule-sod.xml, line 20", "it is about whatever has this role"),
        (
            "requestAccess/2024-02-22-webinar/roles/governor.xml, line 14",
            "what it excludes (cc284f65-b8cf-427e-a362-4e132f60bf39) is not among the files",
        ),
        (
            "roles/role-judge.xml, line 23",
            "what it excludes (12345678-d34d-b33f-f00d-987987987988) is not among the files",
        ),
    ]
    for document in found.documents:
        read(document)


tags = st.sampled_from(
    [
        *("role", "objects", "assignment", "inducement", "policyRule", "policyConstraints", "policyActions"),
        *("or", "and", "not", "exclusion", "name", "enforcement", "condition"),
    ]
)
trees = st.recursive(
    st.sampled_from(["", "text", '<targetRef oid="p"/>', '<targetRef oid="j"/>', "<targetRef/>", "<name>N</name>"]),
    lambda inner: st.builds(lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", tags, st.lists(inner, max_size=4)),
    max_leaves=25,
)


@given(st.binary(max_size=200) | trees.map(lambda tree: f"<objects>{judge(tree)}{OTHERS}</objects>".encode()))
@example(b"\xff\xfe<\0r\0/\0>\0")
@example(b"<?xml version='1.0' encoding='iso-8859-1'?><role/>")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = midpoint.read([("x.xml", data)])
    for document in found.documents:
        read(document)
    for problem in found.problems:
        assert problem.where.startswith("x.xml")
        assert problem.what_to_do


rules = st.recursive(
    st.sampled_from(["p", "q"]).map(exclusion),
    lambda inner: st.builds(
        lambda join, parts: f"<{join}>{''.join(parts)}</{join}>",
        st.sampled_from(["and", "or"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@given(st.lists(rules, min_size=1, max_size=3).map("".join))
def test_of_every_exclusion_something_is_read_or_said(constraints: str) -> None:
    found = held_by(constraints)
    assert bool(found.documents or found.problems) == ("<exclusion>" in constraints)
