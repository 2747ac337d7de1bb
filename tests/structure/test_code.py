"""Rules about the code that no linter knows. Each finder is first shown what it must find."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from governance.core.duties.refusals import ERRORS
from tests.environment import ROOT
from tests.structure.file_sizes import FILE_LINES, long_files, naming, sources

Finder = Callable[[ast.AST], Iterator[tuple[int, str]]]

#: The engine performs operations, on one row or on many at once.
ENGINE = ("governance/core/engine/transition.py",)
#: A notice, or a message to a webhook, is no governed row: it is the outbox's own, and these are who empties the outbox.
OUTBOX = tuple(
    f"governance/core/{name}.py"
    for name in ("mail/jobs", "mail/daily_digest", "notices/delivery_attempts", "notices/mail_choices", "webhooks/jobs")
)

#: Classes of refusals that many rules raise.
REFUSALS = {"Refused", *(error.__name__ for error in ERRORS.values())}
#: The attack names its trigger by the finding that it expects without it.
ANY_REFUSAL = ("tests/approvals/models/test_unrecorded_rows.py",)


def _names(node: ast.AST) -> str:
    """The last part of a dotted name, or nothing."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def state_assignments(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Everything that sets a row's state: assignment, `setattr`, `update(state=…)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            flat = [leaf for target in targets for leaf in (target.elts if isinstance(target, ast.Tuple) else [target])]
            if any(isinstance(leaf, ast.Attribute) and leaf.attr == "state" for leaf in flat):
                yield node.lineno, "assigns .state"
        if not isinstance(node, ast.Call):
            continue
        if _names(node.func) == "setattr" and any(
            isinstance(a, ast.Constant) and a.value == "state" for a in node.args
        ):
            yield node.lineno, "sets the attribute state"
        if _names(node.func) == "update" and any(k.arg == "state" for k in node.keywords):
            yield node.lineno, "updates the column state"


ASKED_WITHOUT_BOUNDS = {
    "isdecimal",
    "isdigit",
    "isnumeric",
    "parse_date",
    "parse_datetime",
    "strptime",
    "fromisoformat",
}
ASKS_DJANGO = {"has_perm", "has_perms", "has_module_perms", "get_perms", "get_objects_for_user", "permission_required"}

IMPORTS_BY_NAME = {"import_module", "__import__", "import_string"}


def questions_to_django(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Questions about permissions that a superuser answers with yes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and _names(node) in ASKS_DJANGO:
            yield node.lineno, f"asks {_names(node)}"
        if isinstance(node, ast.alias) and node.name in ASKS_DJANGO:
            yield node.lineno, f"imports {node.name}"


def superusers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Everything that looks at or sets `is_superuser`."""
    for node in ast.walk(tree):
        named = _names(node) == "is_superuser" if isinstance(node, ast.Attribute | ast.Name) else False
        written = isinstance(node, ast.Constant) and node.value == "is_superuser"
        if named or written or (isinstance(node, ast.keyword) and node.arg == "is_superuser"):
            yield node.lineno, "knows is_superuser"


def signals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Signals of our own: imports of the machinery, receivers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and re.search(r"(^|\.)(signals|dispatch)$", node.module):
            yield node.lineno, f"imports {node.module}"
        if isinstance(node, ast.ImportFrom | ast.Import) and any(
            each.name in ("signals", "receiver") for each in node.names
        ):
            yield node.lineno, "imports signals"


def unbounded(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts taken for numbers or days without bounds: what `governance.web.requests.request` is for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and _names(node) in ASKED_WITHOUT_BOUNDS:
            yield node.lineno, f"uses {_names(node)}"
        if isinstance(node, ast.Call) and _names(node.func) == "int" and node.args:
            names = {_names(each) for each in ast.walk(node.args[0])}
            if names & {"POST", "GET", "META", "headers", "posted", "form", "asked"}:
                yield node.lineno, "reads a number of the request"
        if isinstance(node, ast.keyword) and re.search(r"(^|_)(pk|id)$", node.arg or ""):
            names = {_names(each) for each in ast.walk(node.value)}
            if names & {"POST", "GET"} and not names & {"number", "_chosen"}:
                yield node.value.lineno, "looks a row up by what was sent"


def imports_by_name(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Imports of modules by a text, which import contracts cannot see."""
    for node in ast.walk(tree):
        name = node.name if isinstance(node, ast.alias) else _names(node)
        if name in IMPORTS_BY_NAME:
            yield node.lineno, f"uses {name}"


def sleeps(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Waits of a fixed length."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _names(node.func) in ("sleep", "wait_for_timeout"):
            yield node.lineno, f"calls {_names(node.func)}"


def unspecific(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Tests that accept any refusal: of a class that many rules raise, or by a code that several triggers raise."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for item in (item for node in ast.walk(function) if isinstance(node, ast.With) for item in node.items):
            call, kept = item.context_expr, getattr(item.optional_vars, "id", None)
            if not isinstance(call, ast.Call) or not call.args:
                continue
            names = {_names(node) for node in ast.walk(call.args[0])}
            if _names(call.func) == "raises" and not call.keywords and kept not in read and names & REFUSALS:
                yield call.lineno, "expects any refusal of its class"
            words = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            if _names(call.func) == "database_refuses" and re.fullmatch(r"([A-Z]+(-?\d+)?:? ?)?", str(words)):
                yield call.lineno, "expects any refusal of its code"


def foreign_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Imports of anything beyond the standard library and the devserver itself."""
    for node in ast.walk(tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            if module.split(".")[0] not in sys.stdlib_module_names and not module.startswith("governance.devserver"):
                yield node.lineno, f"imports {module}"


def places(finder: Finder, paths: Iterator[Path], *, allowed: tuple[str, ...] = ()) -> list[str]:
    """What a finder says about files, as `path:line what`."""
    return [
        f"{where}:{line} {what}"
        for path in paths
        if (where := path.relative_to(ROOT).as_posix()) not in allowed
        for line, what in finder(ast.parse(path.read_text()))
    ]


@pytest.mark.parametrize(
    ("finder", "sample"),
    [
        (state_assignments, "grant.state = 'ended'"),
        (state_assignments, "grant.reason, grant.state = 'x', 'ended'"),
        (state_assignments, "setattr(grant, 'state', 'ended')"),
        (state_assignments, "Grant.objects.filter(pk=1).update(state='ended')"),
        (questions_to_django, "person.has_perm('x')"),
        (questions_to_django, "from guardian.shortcuts import get_objects_for_user"),
        (superusers, "if person.is_superuser: pass"),
        (superusers, "Person.objects.create(is_superuser=True)"),
        (superusers, "getattr(person, 'is_superuser')"),
        (signals, "from django.db.models.signals import post_save"),
        (signals, "from django.dispatch import receiver"),
        (signals, "from django.db.models import signals"),
        (imports_by_name, "from importlib import import_module as load"),
        (imports_by_name, "importlib.import_module('approvals.models')"),
        (imports_by_name, "__import__('approvals.models')"),
        (sleeps, "time.sleep(1)"),
        (sleeps, "page.wait_for_timeout(500)"),
        (unbounded, "text.isdecimal()"),
        (unbounded, "parse_date(text)"),
        (unbounded, "int(request.POST['team'])"),
        (unbounded, "get_object_or_404(rows, pk=request.POST.get('person') or 0)"),
        (unbounded, "rows.filter(team_id=request.GET['team'])"),
        (unspecific, "def test():\n with pytest.raises(Refused): act()"),
        (unspecific, "def test():\n with pytest.raises((NotPermitted, OutOfTurn)) as no: act()"),
        (unspecific, "def test():\n with database_refuses('SOD-1'): act()"),
        (unspecific, "def test():\n with database_refuses(''): act()"),
        (foreign_imports, "import psycopg"),
        (foreign_imports, "from django.conf import settings"),
    ],
)
def test_each_finder_finds_its_example(finder: Finder, sample: str) -> None:
    assert list(finder(ast.parse(sample)))


def test_a_state_changes_in_the_engine_and_nowhere_else() -> None:
    assert places(state_assignments, naming(sources(ROOT), "state"), allowed=(*ENGINE, *OUTBOX)) == []


def test_no_code_asks_has_perm() -> None:
    assert places(questions_to_django, naming(sources(ROOT), *ASKS_DJANGO)) == []


def test_only_person_manager_knows_superusers() -> None:
    assert places(superusers, naming(sources(ROOT), "superuser"), allowed=("governance/core/models/people.py",)) == []


def test_no_own_signals() -> None:
    assert places(signals, naming(sources(ROOT), "signals", "dispatch", "receiver")) == []


def test_engine_discovery_alone_imports_modules_by_name() -> None:
    discovery = ("governance/core/engine/discovery.py",)
    assert places(imports_by_name, naming(sources(ROOT), *IMPORTS_BY_NAME), allowed=discovery) == []


def test_a_number_or_day_of_a_request_is_read_within_bounds_in_one_place() -> None:
    views = (path for path in sources(ROOT) if "views" in path.parts)
    assert places(unbounded, views) == []


def test_tests_wait_for_conditions_only() -> None:
    tests = (ROOT / "tests").rglob("*.py")
    assert places(sleeps, naming(tests, "sleep", "wait_for_timeout")) == []


#: The mark of a test that costs too much for `make test`, with its reason.
COSTLY = re.compile(r'pytest\.mark\.full\(\s*(?:"([^"]*)")?')


def test_few_tests_cost_too_much_for_make_test_and_each_says_why() -> None:
    reasons = [why for path in (ROOT / "tests").rglob("*.py") for why in COSTLY.findall(path.read_text())]
    assert 0 < len(reasons) <= 60
    assert all(len(why.split()) > 1 for why in reasons)


def test_tests_name_expected_refusals() -> None:
    tests = (ROOT / "tests").rglob("*.py")
    assert places(unspecific, naming(tests, "raises", "database_refuses"), allowed=ANY_REFUSAL) == []


def test_devserver_needs_only_python() -> None:
    programs_of_their_own = ("governance/devserver/prepare.py",)
    supervisor = list((ROOT / "governance" / "devserver").rglob("*.py"))
    assert supervisor
    assert places(foreign_imports, supervisor, allowed=programs_of_their_own) == []


def test_long_files_of_the_product_are_found(tmp_path: Path) -> None:
    for name in (
        "approvals/a.py",
        "approvals/migrations/b.py",
        "static/css/c.css",
        "static/js/d.js",
        "templates/e.html",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n" * (FILE_LINES + 1))
    (tmp_path / "approvals/f.py").write_text("\n" * FILE_LINES)
    assert [line.partition(":")[0] for line in long_files(tmp_path)] == [
        "approvals/a.py",
        "templates/e.html",
        "static/css/c.css",
        "static/js/d.js",
    ]


def test_file_names_are_meaningful() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "services", "managers", "misc", "tools"}
    tests = (path for path in (ROOT / "tests").rglob("*.py"))
    named = [path for path in (*sources(ROOT), *tests) if {path.stem, path.parent.name} & vague]
    assert named == []


# Templates

INLINE = re.compile(
    r"""<style\b|<script\b(?![^>]*\bsrc=)|\s(style|on[a-z]+|hx-on[:a-z-]*)\s*=|javascript:|hx-(vals|headers)\s*=\s*["']js:""",
    re.IGNORECASE,
)
DJANGO_COMMENT = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}", re.DOTALL)


def inline(template: str) -> list[str]:
    """What a strict content security policy would refuse."""
    return [match.group(0).strip() for match in INLINE.finditer(DJANGO_COMMENT.sub("", template))]


@pytest.mark.parametrize(
    "sample",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>alert()</script>",
        '<script type="module">x</script>',
        '<a href="javascript:x()">',
        '<button onclick="x()">',
        '<div hx-on::after-request="x()">',
        """<div hx-vals='js:{a: b()}'>""",
    ],
)
def test_inline_code_and_style_are_found(sample: str) -> None:
    assert inline(sample)


def test_a_script_file_and_plain_attributes_are_no_inline_code() -> None:
    assert (
        inline('<script src="x.js" defer></script><p class="on" data-style="a" hx-vals=\'{"a": 1}\'>one = 1</p>') == []
    )


def test_templates_hold_no_code_or_style() -> None:
    """Mail is drawn by mail programs, which know style attributes only; it is not served."""
    pages = [path for path in (ROOT / "templates").rglob("*.html") if "email" not in path.relative_to(ROOT).parts]
    assert {str(path.relative_to(ROOT)): hits for path in pages if (hits := inline(path.read_text()))} == {}


# The repository


def committed() -> list[str]:
    """The paths of every file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a working copy of a repository")
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).exists()]


def test_nothing_foreign_is_committed() -> None:
    """Assets and typefaces come with pip packages."""
    others = re.compile(
        r"\.(woff2?|ttf|otf|eot|map)$|\.min\.(js|css)$|(^|/)(bootstrap|htmx|alpine|jquery|node_modules)\b", re.I
    )
    # S9's bootstrap, not the stylesheet
    ours = {"governance/core/management/commands/bootstrap.py", "governance/core/people/bootstrap.py"}
    assert [path for path in committed() if others.search(path) and path not in ours] == []


def test_locked_requirements_hold_hashes_and_no_addresses() -> None:
    for locked in (ROOT / "requirements").glob("*.txt"):
        text = locked.read_text()
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", text), locked.name
        pinned = re.findall(r"^[A-Za-z0-9_.\[\]-]+==", text, re.MULTILINE)
        assert pinned
        assert len(re.findall(r"^[A-Za-z0-9_.\[\]-]+==[^\n]*\\\n +--hash=", text, re.MULTILINE)) == len(pinned), (
            locked.name
        )


# Requirements


def required(name: str) -> set[str]:
    """The distributions that one of requirements/*.in asks for, in canonical spelling."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    return {canonical(re.split(r"[\[<>=;~ ]", line)[0]) for line in lines if line and not line.startswith(("-", "#"))}


def canonical(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(paths: Iterator[Path]) -> set[str]:
    """The top-level modules that files import, wherever in them."""
    modules = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
            if isinstance(node, ast.Import):
                modules |= {each.name.split(".")[0] for each in node.names}
    return modules - set(sys.stdlib_module_names) - {"governance", "inventory", "approvals", "tests", "conftest"}


def distributions(modules: set[str]) -> set[str]:
    """The distributions that bring modules."""
    brought = packages_distributions()
    return {canonical(name) for module in modules for name in brought.get(module, [module])}


#: Named in settings, templates or command lines, or needed by another: whitenoise compresses with brotli, environs parses mail servers with dj-email-url.
USED_WITHOUT_IMPORT = {
    *("django-csp", "django-allauth", "django-htmx", "django-template-partials", "whitenoise", "granian", "brotli"),
    *("fontpkg-ibm-plex-sans", "fontpkg-ibm-plex-mono", "dj-email-url"),
}


def test_product_imports_are_requirements() -> None:
    used = distributions(imported(sources(ROOT)))
    assert used - required("base") == set()
    assert required("base") - used - USED_WITHOUT_IMPORT == set()


def test_test_imports_are_requirements() -> None:
    used = distributions(imported((ROOT / "tests").rglob("*.py")))
    assert used - required("base") - required("dev") == set()


def test_every_dependency_has_a_decision_record() -> None:
    records = "\n".join(path.read_text().lower() for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    named = required("base") | required("dev") | required("trial")
    assert {name for name in named if f"`{name}`" not in records} == set()
