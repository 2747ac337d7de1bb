"""Move modules by a map, and follow each move in imports, references, dotted paths and file paths.

Run with Python 3.12 or newer, from the project's root: `python3 tests/structure/moves/move.py tests/structure/moves/*.csv`.
A map has one line per file: `old,new`. Two old files with one new path become one file. `old,-` deletes a facade
(an `__init__.py` that only passes names on); its users then import from the modules that define the names.
"""

import ast
import csv
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOTS = ("governance", "inventory", "approvals", "tests")
ROLES = {"rules", "queries", "transitions", "jobs", "notices", "views", "forms", "urls", "apps", "tasks", "rows"}
SINGULAR = {"light_path": "light_path", "review": "review", "inbox": "inbox", "intake": "intake", "access": "access"}
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".html",
    ".txt",
    ".csv",
    ".json",
    ".yaml",
    ".yml",
    ".cfg",
    ".sh",
    ".in",
    ".css",
    ".js",
    "",
}


def module_of(path: str) -> str:
    """Return the dotted name of a Python file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def singular(noun: str) -> str:
    if noun in SINGULAR:
        return SINGULAR[noun]
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


@dataclass
class Scope:
    """One scope of a file: the names bound in it, and by which imports."""

    parent: "Scope | None"
    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    imports: dict[str, list[ast.alias]] = field(default_factory=lambda: defaultdict(list))
    globals: set[str] = field(default_factory=set)


class Scopes(ast.NodeVisitor):
    """Resolve every name of a module to the scope that binds it."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(None)
        self.scope = self.module
        self.uses: list[tuple[ast.Name, Scope]] = []
        self.statement: dict[int, ast.stmt] = {}
        self.parents: dict[int, ast.AST] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self.parents[id(child)] = node
        self.visit(tree)

    def bind(self, name: str) -> None:
        (self.module if name in self.scope.globals else self.scope).bound.add(name)

    def inside(self, nodes, is_class=False, args=None) -> None:
        self.scope = Scope(self.scope, is_class)
        if args:
            for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
                if arg:
                    self.bind(arg.arg)
        for node in nodes:
            self.visit(node)
        self.scope = self.scope.parent

    def function(self, node) -> None:
        if not isinstance(node, ast.Lambda):
            self.bind(node.name)
            for deco in node.decorator_list:
                self.visit(deco)
            if node.returns:
                self.visit(node.returns)
        for default in [*node.args.defaults, *[d for d in node.args.kw_defaults if d]]:
            self.visit(default)
        for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]:
            if arg and arg.annotation:
                self.visit(arg.annotation)
        self.inside([node.body] if isinstance(node, ast.Lambda) else node.body, args=node.args)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = function

    def visit_ClassDef(self, node) -> None:
        self.bind(node.name)
        for part in [*node.decorator_list, *node.bases, *[k.value for k in node.keywords]]:
            self.visit(part)
        self.inside(node.body, is_class=True)

    def comprehension(self, node) -> None:
        self.visit(node.generators[0].iter)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        rest = []
        for number, generator in enumerate(node.generators):
            rest += [generator.target, *([generator.iter] if number else []), *generator.ifs]
        self.inside([*rest, *parts])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension

    def visit_Name(self, node) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.append((node, self.scope))
        else:
            self.bind(node.id)
            self.uses.append((node, self.scope))

    def visit_Global(self, node) -> None:
        self.scope.globals.update(node.names)

    def visit_ExceptHandler(self, node) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_ImportFrom(self, node) -> None:
        for alias in node.names:
            self.scope.imports[alias.asname or alias.name].append(alias)

    def visit_Import(self, node) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.split(".")[0])

    def owner(self, name: str, scope: Scope) -> Scope | None:
        first = True
        while scope:
            if (first or not scope.is_class) and (name in scope.bound or name in scope.imports):
                return scope
            scope, first = scope.parent, False
        return None


class Mover:
    """All files and where they go."""

    def __init__(self, moves: dict[str, str], files: list[str]) -> None:
        self.moves = moves
        self.files = [f for f in files if f.endswith(".py") and f.split("/")[0] in (*ROOTS, "manage.py")]
        self.modules = {module_of(f): f for f in self.files}
        self.facades = {module_of(o) for o, n in moves.items() if n == "-"}
        self.new = {module_of(o): module_of(n) for o, n in moves.items() if o.endswith(".py") and n != "-"}
        self.trees = {f: ast.parse(Path(f).read_text(encoding="utf-8")) for f in self.files}
        self.exports = {m: self._exports(self.modules[m]) for m in self.facades}
        self.defined = {m: self._defined(self.trees[f]) for m, f in self.modules.items()}
        self.merged = {m for m, n in Counter(self.new.values()).items() if n > 1}
        self.problems: list[str] = []
        self.put = dotted(moves)
        for facade, exports in self.exports.items():
            for local in exports:
                module, name, _ = self.resolve(facade, local)
                self.put[f"{facade}.{local}"] = f"{self.moved(module)}.{name}"
        keys = sorted(self.put, key=len, reverse=True) or ["\0"]
        self.pattern = re.compile(r"(?<![\w./-])(" + "|".join(map(re.escape, keys)) + r")(?![\w/]|\.[a-z_]+/)")

    def _exports(self, path: str) -> dict[str, tuple[str, str]]:
        return {
            (alias.asname or alias.name): (node.module, alias.name)
            for node in self.trees[path].body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    @staticmethod
    def _defined(tree: ast.Module) -> set[str]:
        names: set[str] = set()
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
                names.add(node.name)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        return names

    def moved(self, module: str) -> str:
        return self.new.get(module, module)

    def resolve(self, module: str, name: str) -> tuple[str, str, bool]:
        """Return (module, name, is_module) that `from module import name` really means, in the old tree."""
        if module in self.facades and name in self.exports[module]:
            return self.resolve(*self.exports[module][name])
        if f"{module}.{name}" in self.modules:
            return module, name, True
        return module, name, False

    def local_name(self, new: str, home: str) -> list[str]:
        """Return the names to call a module by in the file `home`, best first."""
        *path, last = new.split(".")
        package = path[-1] if path else last
        if last in ROLES:
            qualified = f"{singular(package)}_{last}"
            if package in ROLES and len(path) > 1:
                qualified = f"{singular(path[-2])}_{last}"
            return [qualified, f"{qualified}_module"]
        return [last, f"{singular(package)}_{last}", f"{last}_module"]

    # -- texts ---

    def in_text(self, text: str) -> str:
        """Follow dotted paths and file paths."""
        return self.pattern.sub(lambda m: self.put[m[1]], text)

    def in_words(self, text: str, path: str) -> str:
        """Follow paths in a docstring or comment, and bare names of modules between backticks."""

        def follow(match: re.Match) -> str:
            head, tail = match[1], match[2] or ""
            near = module_of(path).split(".")
            for depth in range(len(near), 0, -1):
                old = ".".join([*near[:depth], head])
                if old in self.new and self.new[old] != old:
                    return f"`{self.short(self.new[old])}{tail}`"
                if old in self.facades and tail[1:] in self.exports[old]:
                    module, name, _ = self.resolve(old, tail[1:])
                    return f"`{self.short(self.moved(module))}.{name}`"
            return match[0]

        return re.sub(r"`([a-z_]+)((?:\.[a-z_]+)*)`", follow, self.in_text(text))

    @staticmethod
    def short(module: str) -> str:
        *path, last = module.split(".")
        return f"{path[-1]}.{last}" if last in ROLES and path else last

    # -- one file --------------------------------------------------------------

    def rewrite(self, path: str) -> str:
        text = Path(path).read_text(encoding="utf-8")
        tree, home = self.trees[path], self.moved(module_of(path))
        scopes = Scopes(tree)
        identifiers = self._identifiers(tree)
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))

        def at(line: int, column: int) -> int:
            return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

        edits: list[tuple[int, int, str]] = []
        chosen: dict[str, str] = {}
        extra: dict[int, list[str]] = defaultdict(list)  # by alias: further imports that a facade's user needs
        renames: dict[int, tuple] = {}  # by alias

        def name_for(new: str, was: str) -> str:
            if new not in chosen:
                reserved = (identifiers - {was}) | set(chosen.values())
                still = [n for n in self.local_name(new, home) if n not in reserved]
                chosen[new] = still[0] if still else f"{new.replace('.', '_')}"
            return chosen[new]

        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level or (node.module or "").split(".")[0] not in ROOTS:
                continue
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                module, name, is_module = self.resolve(node.module, alias.name)
                if is_module and full in self.facades:
                    renames[id(alias)] = ("facade", full)
                elif is_module:
                    old = f"{module}.{name}"
                    new = self.moved(old)
                    if new == home and new in self.merged and old != module_of(path):
                        renames[id(alias)] = ("self", old)
                    elif new != old or module != node.module:
                        renames[id(alias)] = ("module", old, new)
                else:
                    new = self.moved(module)
                    if new == home and new in self.merged and module != module_of(path):
                        renames[id(alias)] = ("self name", module, name)
                    elif new != node.module or name != alias.name:
                        renames[id(alias)] = ("name", new, name)

        for use, scope in scopes.uses:
            owner = scopes.owner(use.id, scope)
            if owner is None or use.id not in owner.imports:
                continue
            aliases = [a for a in owner.imports[use.id] if id(a) in renames]
            if not aliases:
                continue
            if use.id in owner.bound:
                self.problems.append(f"{path}:{use.lineno}: {use.id} is both imported and assigned")
                continue
            kind = renames[id(aliases[0])]
            start, end = at(use.lineno, use.col_offset), at(use.end_lineno, use.end_col_offset)
            parent = scopes.parents.get(id(use))
            if kind[0] == "module":
                if not aliases[0].asname:
                    edits.append((start, end, name_for(kind[2], use.id)))
            elif kind[0] == "facade":
                if not isinstance(parent, ast.Attribute) or parent.attr not in self.exports[kind[1]]:
                    self.problems.append(f"{path}:{use.lineno}: {use.id} stands for the facade {kind[1]} itself")
                    continue
                module, name, is_module = self.resolve(kind[1], parent.attr)
                if is_module:
                    self.problems.append(f"{path}:{use.lineno}: {use.id}.{parent.attr} is a module behind a facade")
                    continue
                new = self.moved(module)
                tail = at(parent.end_lineno, parent.end_col_offset)
                if new == home:
                    edits.append((start, tail, name))
                    continue
                local = name_for(new, use.id)
                edits.append((start, tail, f"{local}.{name}"))
                for alias in aliases:
                    extra[id(alias)].append(self._import(new, local))
            elif kind[0] == "self":
                if not isinstance(parent, ast.Attribute):
                    self.problems.append(f"{path}:{use.lineno}: {use.id} stands for a module merged into this file")
                    continue
                if scopes.owner(parent.attr, scope) not in (None, scopes.module):
                    self.problems.append(f"{path}:{use.lineno}: {parent.attr} is also a local name (merge)")
                edits.append((start, at(parent.end_lineno, parent.end_col_offset), parent.attr))
            elif kind[0] == "self name" and kind[2] != use.id:
                edits.append((start, end, kind[2]))

        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not any(id(a) in renames for a in node.names):
                continue
            indent = " " * node.col_offset
            kept, made = [], []
            for alias in node.names:
                kind = renames.get(id(alias))
                clause = alias.name + (f" as {alias.asname}" if alias.asname else "")
                if kind is None:
                    kept.append(clause)
                elif kind[0] == "name":
                    local = alias.asname or alias.name
                    made.append(f"from {kind[1]} import {kind[2]}" + (f" as {local}" if local != kind[2] else ""))
                elif kind[0] == "module":
                    if alias.asname:
                        package, _, last = kind[2].rpartition(".")
                        made.append(f"from {package} import {last} as {alias.asname}")
                    else:
                        made.append(self._import(kind[2], name_for(kind[2], alias.asname or alias.name)))
                elif kind[0] == "facade":
                    made += extra[id(alias)]
            whole = ([f"from {node.module} import {', '.join(kept)}"] if kept else []) + list(dict.fromkeys(made))
            start, end = at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)
            if "#" in text[start:end]:
                self.problems.append(f"{path}:{node.lineno}: a comment within an import is dropped")
            edits.append((start, end, f"\n{indent}".join(whole) if whole else "pass  # moved"))

        plain: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                plain |= {a.name for a in node.names if self.moved(a.name) != a.name}
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT, tokenize.FSTRING_MIDDLE):
                start, end = starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]
                was = text[start:end]
                now = self.in_words(was, path) if token.string.startswith(('"""', "#")) else self.in_text(was)
                if now != was:
                    edits.append((start, end, now))

        last = len(text) + 1
        for start, end, put in sorted(set(edits), reverse=True):
            if end > last:
                self.problems.append(f"{path}: two edits overlap at {text[start:end]!r}")
                continue
            text, last = text[:start] + put + text[end:], start
        for name in plain:  # the names of `import a.b`, wherever they stand
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", self.moved(name), text)
        return re.sub(r"^[ \t]*pass  # moved.*\n", "", text, flags=re.M)

    @staticmethod
    def _import(new: str, local: str) -> str:
        package, _, last = new.rpartition(".")
        if not package:
            return f"import {new}"
        return f"from {package} import {last}" + (f" as {local}" if local != last else "")

    @staticmethod
    def _identifiers(tree: ast.Module) -> set[str]:
        names: set[str] = set()
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) | ast.arg(arg=name):
                    names.add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.alias(name=name, asname=asname):
                    names.add(asname or name)
        return names


def merge(texts: list[tuple[str, str]]) -> str:
    """Make one file of several: their docstrings, then all imports, then the rest in order."""
    docs, imports, guarded, bodies = [], [], [], []
    for _, text in texts:
        tree = ast.parse(text)
        lines = text.splitlines(keepends=True)
        body = tree.body
        if ast.get_docstring(tree):
            docs.append(ast.get_docstring(tree).strip())
            body = body[1:]
        drop: set[int] = set()
        for node in body:
            first = node.lineno - 1
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                imports.append("".join(lines[first : node.end_lineno]).rstrip() + "\n")
                drop |= set(range(first, node.end_lineno))
            elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") and not node.orelse:
                guarded.append("".join(lines[first + 1 : node.end_lineno]))
                drop |= set(range(first, node.end_lineno))
        begin = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
        rest = "".join(line for n, line in enumerate(lines) if n >= begin and n not in drop)
        bodies.append(rest.strip("\n"))
    doc = "\n\n".join(docs)
    head = f'"""{doc}\n"""\n\n' if "\n" in doc else (f'"""{doc}"""\n\n' if doc else "")
    guard = "if TYPE_CHECKING:\n" + "".join(guarded) if guarded else ""
    future = "from __future__ import annotations\n"
    if future in imports:
        imports = [future, "\n", *[i for i in imports if i != future]]
    return head + "".join(imports) + "\n" + guard + "\n\n" + "\n\n\n".join(bodies) + "\n"


def dotted(moves: dict[str, str]) -> dict[str, str]:
    """Return what every dotted path and file path in a text becomes."""
    put: dict[str, str] = {}
    for old, new in moves.items():
        if old == new or new == "-" or old.endswith("__init__.py"):
            continue
        put[old] = new
        if old.endswith(".py"):
            put[module_of(old)] = module_of(new)
        if old.startswith("templates/"):
            put[old.removeprefix("templates/")] = new.removeprefix("templates/")
    return put


def main(maps: list[str]) -> int:
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    moves: dict[str, str] = {}
    for each in maps:
        with Path(each).open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row and row[0] in moves and moves[row[0]] != row[1]:
                    raise SystemExit(f"{each}: {row[0]} goes to two places")
                if row:
                    moves[row[0].strip()] = row[1].strip()
    unknown = [o for o in moves if o not in files]
    folders = {
        o.rstrip("/"): moves.pop(o).rstrip("/")
        for o in unknown
        if any(f.startswith(o.rstrip("/") + "/") for f in files)
    }
    for f in files:
        for o, n in folders.items():
            if f.startswith(o + "/") and f not in moves:
                moves[f] = n + f[len(o) :]
    if missing := [o for o in unknown if o.rstrip("/") not in folders]:
        raise SystemExit("not in the tree: " + ", ".join(missing))
    mover = Mover(moves, files)
    rewritten = {f: mover.rewrite(f) for f in mover.files if moves.get(f) != "-"}
    by_new: dict[str, list[str]] = defaultdict(list)
    for f in mover.files:
        if moves.get(f) != "-":
            by_new[moves.get(f, f)].append(f)
    for new, olds in by_new.items():
        names = Counter(n for o in olds for n in mover.defined[module_of(o)])
        for name in [n for n, k in names.items() if k > 1]:
            mover.problems.append(
                f"{new}: {name} is defined in {', '.join(o for o in olds if name in mover.defined[module_of(o)])}"
            )
    final = {n: (rewritten[o[0]] if len(o) == 1 else merge([(x, rewritten[x]) for x in o])) for n, o in by_new.items()}
    print("\n".join(mover.problems))
    if "--check" in sys.argv:
        return bool(mover.problems)

    others = {f: f for f in files if not f.endswith(".py")} | {o: n for o, n in moves.items() if not o.endswith(".py")}
    maps_here = {str(Path(m)) for m in maps}
    for old, new in others.items():
        path = Path(old)
        if path.suffix not in TEXTS or old in maps_here or not path.is_file() or path.is_symlink():
            if old != new:
                final[new] = path.read_bytes()
            continue
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        changed = mover.in_text(text)
        if changed != text or old != new:
            final[new] = changed
    for old, new in moves.items():
        if old != new:
            Path(old).unlink()
    for new, content in final.items():
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            Path(new).write_bytes(content)
        else:
            Path(new).write_text(content, encoding="utf-8", errors="surrogateescape")
    for mark in sorted(Path().glob("*/**/__init__.py"), reverse=True):
        if (
            mark.parts[0] in ROOTS
            and not mark.read_text()
            and not [f for f in mark.parent.iterdir() if f.name not in ("__init__.py", "__pycache__")]
        ):
            mark.unlink()
    for new in final:
        for folder in list(Path(new).parents)[:-1]:
            if new.endswith(".py") and folder.parts[0] in ROOTS and not (folder / "__init__.py").exists():
                (folder / "__init__.py").write_text("", encoding="utf-8")
    subprocess.run(["git", "add", "-A"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main([a for a in sys.argv[1:] if not a.startswith("--")]))
