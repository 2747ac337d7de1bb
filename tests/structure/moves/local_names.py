"""List vague names of variables and parameters with a suggestion, or rename them by a list.

Run with Python 3.12 or newer, from the project's root:
`python3 tests/structure/moves/local_names.py list PATH…` prints `file,line,old,suggestion # code`; `… apply LIST.csv` renames.
A line of the list is `file,line,old,new`: the scope that binds `old` on that line is renamed, with the scopes inside that use it.
"""

import ast
import csv
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

VAGUE = {"one", "found", "said", "own", "no", "told", "asked", "known", "about", "beside", "taken"}


class Node:
    """A scope with its bindings."""

    def __init__(self, node, parent, is_class=False):
        self.node, self.parent, self.is_class = node, parent, is_class
        self.bound, self.uses = defaultdict(list), defaultdict(list)


class Walk(ast.NodeVisitor):
    """Collect scopes; positions are of names and parameters."""

    def __init__(self, tree):
        self.scopes = []
        self.scope = self.enter(tree, None)
        self.loads = []
        for child in tree.body:
            self.visit(child)
        for name, node, scope in self.loads:
            at, first = scope, True
            while at and not ((first or not at.is_class) and name in at.bound):
                at, first = at.parent, False
            if at:
                at.uses[name].append(node)

    def enter(self, node, parent, is_class=False):
        scope = Node(node, parent, is_class)
        self.scopes.append(scope)
        return scope

    def bind(self, name, node):
        self.scope.bound[name].append(node)

    def function(self, node):
        if not isinstance(node, ast.Lambda):
            self.bind(node.name, None)
            for part in [*node.decorator_list, *([node.returns] if node.returns else [])]:
                self.visit(part)
        args = node.args
        for part in [*args.defaults, *[d for d in args.kw_defaults if d]]:
            self.visit(part)
        every = [a for a in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg] if a]
        for arg in every:
            if arg.annotation:
                self.visit(arg.annotation)
        self.scope = self.enter(node, self.scope)
        for arg in every:
            self.bind(arg.arg, arg)
        for part in [node.body] if isinstance(node, ast.Lambda) else node.body:
            self.visit(part)
        self.scope = self.scope.parent

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = function

    def visit_ClassDef(self, node):
        self.bind(node.name, None)
        for part in [*node.decorator_list, *node.bases, *[k.value for k in node.keywords]]:
            self.visit(part)
        self.scope = self.enter(node, self.scope, is_class=True)
        for part in node.body:
            self.visit(part)
        self.scope = self.scope.parent

    def comprehension(self, node):
        self.visit(node.generators[0].iter)
        self.scope = self.enter(node, self.scope)
        for number, generator in enumerate(node.generators):
            self.visit(generator.target)
            if number:
                self.visit(generator.iter)
            for test in generator.ifs:
                self.visit(test)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(part)
        self.scope = self.scope.parent

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        scope = self.scope
        while isinstance(scope.node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            scope = scope.parent
        scope.bound[node.target.id].append(node.target)

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.loads.append((node.id, node, self.scope))
        else:
            self.bind(node.id, node)

    def visit_ExceptHandler(self, node):
        if node.name:
            self.bind(node.name, None)
        self.generic_visit(node)

    def visit_alias(self, node):
        self.bind((node.asname or node.name).split(".")[0], None)


def suggest(scope, name, node, lines):
    """Return a guess at a better name, from the iterable or the annotation."""
    code = lines[node.lineno - 1]
    if isinstance(node, ast.arg) and node.annotation:
        return snake(ast.unparse(node.annotation))
    match = re.search(rf"for (?:[\w, ()]*, )?\(?{name}\b[^:]*? in ([\w.]+)", code)
    if match:
        parts = [
            p
            for p in match[1].split(".")
            if p not in ("all", "objects", "values", "items", "filter", "order_by", "sorted")
        ]
        last = parts[-1] if parts else ""
        if last.endswith("ies"):
            return last[:-3] + "y"
        if last.endswith("s") and last != "s":
            return last[:-1]
    match = re.search(rf"{name}(?:: [^=]+)? = ([A-Z]\w+)\.(objects|history)", code)
    if match:
        return snake(match[1]) + "s"
    return ""


def snake(text):
    inner = re.findall(r"[A-Z][A-Za-z]+", text)
    base = next((w for w in inner if w not in ("Any", "None", "Iterable", "Sequence", "Mapping", "Collection")), "")
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", base).lower()
    return word + ("s" if word and re.match(r"(Iterable|Sequence|Collection|list|tuple|set|QuerySet)", text) else "")


def files_of(paths):
    for path in paths:
        yield from sorted(Path(path).rglob("*.py")) if Path(path).is_dir() else [Path(path)]


def show(paths):
    for path in files_of(paths):
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for scope in Walk(ast.parse(text)).scopes:
            for name in [n for n in scope.bound if n in VAGUE]:
                node = next((n for n in scope.bound[name] if n is not None), None)
                if node is not None:
                    kind = (
                        " [parameter]" if isinstance(node, ast.arg) else " [field: by hand]" if scope.is_class else ""
                    )
                    print(
                        f"{path},{node.lineno},{name},{suggest(scope, name, node, lines)} #{kind} {lines[node.lineno - 1].strip()[:150]}"
                    )


def apply(lists):
    rows = defaultdict(list)
    for each in lists:
        for line in Path(each).read_text(encoding="utf-8").splitlines():
            row = next(csv.reader([line.split(" #")[0]]), [])
            if len(row) >= 4 and row[3].strip() and row[3].strip() != row[2].strip():
                rows[row[0].strip()].append((int(row[1]), row[2].strip(), row[3].strip()))
    problems, parameters = [], []
    for name, wishes in rows.items():
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        walk = Walk(ast.parse(text))
        edits = {}
        new_in = defaultdict(set)
        for line, old, new in wishes:
            scope = next(
                (s for s in walk.scopes if any(n is not None and n.lineno == line for n in s.bound.get(old, ()))), None
            )
            if scope is not None and scope.is_class:
                problems.append(f"{name}:{line}: {old} is a field: rename it by hand, with its uses as an attribute")
                continue
            if scope is None:
                problems.append(f"{name}:{line}: {old} is bound nowhere on this line")
                continue
            inside = {id(n) for n in ast.walk(scope.node)}
            others = [s for s in walk.scopes if id(s.node) in inside]
            names = {n for s in others for n in s.bound} | {
                n for s in walk.scopes for n, uses in s.uses.items() if any(id(u) in inside for u in uses)
            }
            taken = {n.id for n in ast.walk(scope.node) if isinstance(n, ast.Name)} | names | new_in[id(scope.node)]
            if new in taken:
                problems.append(f"{name}:{line}: {new} is a name in this scope already ({old} stays)")
                continue
            new_in[id(scope.node)].add(new)
            for node in [n for n in scope.bound[old] if n is not None] + scope.uses[old]:
                column = len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
                edits[starts[node.lineno - 1] + column] = (old, new)
                if isinstance(node, ast.arg) and not isinstance(scope.node, ast.Lambda):
                    parameters.append((name, scope.node.name, old, new))
        for start in sorted(edits, reverse=True):
            old, new = edits[start]
            assert text[start : start + len(old)] == old, (name, text[start : start + 30])
            text = text[:start] + new + text[start + len(old) :]
        path.write_text(text, encoding="utf-8")
    docs(parameters)
    calls(parameters)
    print("\n".join(problems))


def docs(parameters):
    """Rename parameters in the `Args` part of their function's docstring."""
    for name, function, old, new in parameters:
        text = Path(name).read_text(encoding="utf-8")
        at = text.find(f"def {function}(")
        end = text.find("\ndef ", at + 1)
        part = text[at : end if end > 0 else len(text)]
        now = re.sub(rf"^(\s+){old}: ", rf"\1{new}: ", part, count=1, flags=re.M)
        Path(name).write_text(text.replace(part, now, 1), encoding="utf-8")


def calls(parameters):
    """Rename keyword arguments in calls of functions whose parameter was renamed, by the function's name."""
    by_function = defaultdict(set)
    for _, function, old, new in parameters:
        by_function[function].add((old, new))
    tracked = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True).stdout.split()
    for path in map(Path, tracked):
        text = path.read_text(encoding="utf-8")
        if not any(f in text for f in by_function):
            continue
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        edits = {}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for keyword in node.keywords:
                    for old, new in by_function.get(called, ()):
                        if keyword.arg == old:
                            column = len(lines[keyword.lineno - 1].encode()[: keyword.col_offset].decode())
                            edits[starts[keyword.lineno - 1] + column] = (old, new)
                            print(f"{path}:{keyword.lineno}: {called}({old}=…) became {new}=")
        for start in sorted(edits, reverse=True):
            old, new = edits[start]
            text = text[:start] + new + text[start + len(old) :]
        if edits:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    (show if sys.argv[1] == "list" else apply)(sys.argv[2:])
