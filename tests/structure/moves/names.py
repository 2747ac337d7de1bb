"""Move or rename top-level names of modules by a list, and follow each in imports and references.

Run with Python 3.12 or newer, from the project's root: `python3 -m tests.structure.moves.names LIST.csv`.
A line is `file,name,new file,new name,docstring`: an empty new file or new name stays as it is; the docstring is for a file that is new.
The imports of the old file are copied to the new one: let ruff remove those that it does not need.
"""

import ast
import csv
import io
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from pathlib import Path

from tests.structure.moves.move import ROOTS, Mover, Scopes, module_of


class Renamer(Mover):
    """All files, and where some of their names go."""

    def __init__(self, rows, files) -> None:
        names = [row[1] for row in rows]
        python = [f for f in files if f.endswith(".py") and f.split("/")[0] in ROOTS]
        every = {f: Path(f).read_text(encoding="utf-8") for f in python}
        some = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")
        super().__init__({}, [f for f in python if some.search(every[f]) or f in {r[2] for r in rows}])
        self.modules = {module_of(f): f for f in python}
        self.rows = rows
        self.go: dict[tuple[str, str], tuple[str, str]] = {}
        for row in rows:
            old, name = module_of(row[0]), row[1]
            if old not in self.modules or name not in self.defined[old] | self.imported(old):
                raise SystemExit(f"{row[0]} defines no {name}")
            self.go[old, name] = (module_of(row[2] or row[0]), row[3] or name)
        for module, path in self.modules.items():  # modules that pass names on
            if path in self.trees:
                for node in self.trees[path].body:
                    if isinstance(node, ast.ImportFrom):
                        for alias in node.names:
                            if not alias.asname and (node.module, alias.name) in self.go:
                                self.go[module, alias.name] = (module, self.go[node.module, alias.name][1])
        for (old, name), (new, put) in self.go.items():
            if new in self.modules and put in self.defined[new] and (new, put) not in self.go:
                self.problems.append(f"{old}.{name}: {new} defines {put} already")
        self.docs = {module_of(r[2]): r[4] for r in rows if len(r) > 4 and r[4]}

    def imported(self, module: str) -> set[str]:
        return {
            a.asname or a.name
            for n in ast.walk(self.trees[self.modules[module]])
            if isinstance(n, ast.ImportFrom)
            for a in n.names
        }

    def follow(self, path: str) -> str:
        text = Path(path).read_text(encoding="utf-8")
        tree, here = self.trees[path], module_of(path)
        scopes, lines = Scopes(tree), text.splitlines(keepends=True)
        identifiers = self._identifiers(tree)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))

        def at(line, column):
            return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

        edits, adds, drops = [], set(), set()
        what: dict[int, tuple] = {}
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level or (node.module or "").split(".")[0] not in ROOTS:
                continue
            for alias in node.names:
                if f"{node.module}.{alias.name}" in self.modules:
                    what[id(alias)] = ("module", f"{node.module}.{alias.name}")
                elif (node.module, alias.name) in self.go:
                    what[id(alias)] = ("name", *self.go[node.module, alias.name], alias.asname)

        for use, scope in scopes.uses:
            owner = scopes.owner(use.id, scope)
            if owner is None:
                continue
            start, end = at(use.lineno, use.col_offset), at(use.end_lineno, use.end_col_offset)
            if owner is scopes.module and use.id in owner.bound and (here, use.id) in self.go:
                new, put = self.go[here, use.id]
                if put != use.id:
                    edits.append((start, end, put))
                    self.clash(path, use, put, scopes, scope)
                continue
            aliases = [a for a in owner.imports.get(use.id, []) if id(a) in what]
            if not aliases or use.id in owner.bound:
                continue
            kind = what[id(aliases[0])]
            if kind[0] == "name" and not kind[3] and kind[2] != use.id:
                edits.append((start, end, kind[2]))
                self.clash(path, use, kind[2], scopes, scope)
            elif kind[0] == "module":
                parent = scopes.parents.get(id(use))
                if not isinstance(parent, ast.Attribute) or (kind[1], parent.attr) not in self.go:
                    continue
                new, put = self.go[kind[1], parent.attr]
                tail = at(parent.end_lineno, parent.end_col_offset)
                if new == kind[1]:
                    edits.append((tail - len(parent.attr), tail, put))
                elif new == here:
                    edits.append((start, tail, put))
                    drops.add(use.id)
                else:
                    local = next(
                        (
                            n
                            for n in self.local_name(new, here)
                            if n not in identifiers or self.is_import_of(tree, n, new)
                        ),
                        new.replace(".", "_"),
                    )
                    adds.add(self._import(new, local))
                    edits.append((start, tail, f"{local}.{put}"))
                    drops.add(use.id)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(what.get(id(a), ("",))[0] == "name" for a in node.names):
                kept, made = [], []
                for alias in node.names:
                    kind = what.get(id(alias))
                    clause = alias.name + (f" as {alias.asname}" if alias.asname else "")
                    if not kind or kind[0] != "name":
                        kept.append(clause)
                    elif kind[1] != here:
                        made.append(
                            f"from {kind[1]} import {kind[2]}" + (f" as {alias.asname}" if alias.asname else "")
                        )
                whole = ([f"from {node.module} import {', '.join(kept)}"] if kept else []) + made
                indent = "\n" + " " * node.col_offset
                edits.append(
                    (
                        at(node.lineno, node.col_offset),
                        at(node.end_lineno, node.end_col_offset),
                        indent.join(whole) or "pass  # moved",
                    )
                )
        for node in tree.body:
            for name_node in self.name_positions(node):
                if (here, name_node[0]) in self.go and self.go[here, name_node[0]][1] != name_node[0] and name_node[1]:
                    line, column = name_node[1]
                    start = at(line, column)
                    start = text.index(name_node[0], start)
                    edits.append((start, start + len(name_node[0]), self.go[here, name_node[0]][1]))
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                for item in ast.walk(node.value):
                    if isinstance(item, ast.Constant) and (here, item.value) in self.go:
                        start = at(item.lineno, item.col_offset) + 1
                        edits.append((start, start + len(item.value), self.go[here, item.value][1]))
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT, tokenize.FSTRING_MIDDLE):
                start, end = starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]
                now = self.renamed(text[start:end], here)
                if now != text[start:end]:
                    edits.append((start, end, now))

        result, last = text, len(text) + 1
        for start, end, put in sorted(set(edits), reverse=True):
            if end > last:
                self.problems.append(f"{path}: two edits overlap at {text[start:end]!r}")
                continue
            result, last = result[:start] + put + result[end:], start
        result = re.sub(r"^[ \t]*pass  # moved.*\n", "", result, flags=re.M)
        if adds:
            result = self.add_imports(result, adds)
        return result

    def clash(self, path, use, put, scopes, scope) -> None:
        while scope:
            if put in scope.bound:
                self.problems.append(f"{path}:{use.lineno}: {put} is already a name here")
                return
            scope = scope.parent

    def is_import_of(self, tree, name, module) -> bool:
        package, _, last = module.rpartition(".")
        return any(
            isinstance(n, ast.ImportFrom)
            and n.module == package
            and any(a.name == last and (a.asname or a.name) == name for a in n.names)
            for n in ast.walk(tree)
        )

    def renamed(self, text: str, here: str) -> str:
        for (old, name), (new, put) in self.go.items():
            if name not in text:
                continue
            text = re.sub(rf"(?<![\w.]){re.escape(old)}\.{re.escape(name)}(?!\w)", f"{new}.{put}", text)
            if old == here and put != name:
                text = re.sub(rf"`{re.escape(name)}`", f"`{put}`", text)
        return text

    @staticmethod
    def name_positions(node):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            return [(node.name, (node.lineno, node.col_offset))]
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        return [(t.id, None) for target in targets for t in ast.walk(target) if isinstance(t, ast.Name)]

    @staticmethod
    def bound_imports(tree):
        for node in tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    clause = alias.name + (f" as {alias.asname}" if alias.asname else "")
                    line = (
                        f"from {node.module} import {clause}"
                        if isinstance(node, ast.ImportFrom)
                        else f"import {clause}"
                    )
                    yield line, alias.asname or alias.name.split(".")[0]

    def imports_of(self, tree, wanted):
        return [(line, name) for line, name in self.bound_imports(tree) if name in wanted]

    @staticmethod
    def add_imports(text: str, adds: set[str]) -> str:
        tree = ast.parse(text)
        body = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        line = body[-1].end_lineno if body else (tree.body[0].end_lineno if ast.get_docstring(tree) else 0)
        lines = text.splitlines(keepends=True)
        return "".join([*lines[:line], *(f"{a}\n" for a in sorted(adds)), *lines[line:]])

    def move_definitions(self, texts: dict[str, str]) -> None:
        """Cut the definitions that go to another file out of their texts and append them there."""
        by_pair: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (old, _), (new, put) in self.go.items():
            if new != old:
                by_pair[old, new].append(put)
        for (old, new), names in by_pair.items():
            source = self.modules[old]
            text = texts[source]
            tree, lines = ast.parse(text), text.splitlines(keepends=True)
            pieces, keep = [], [True] * len(lines)
            previous = 0
            for node in tree.body:
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
                while first > previous and lines[first - 1].startswith("#"):
                    first -= 1
                defined = {n for n, _ in self.name_positions(node)}
                if defined and defined <= set(names):
                    end = node.end_lineno
                    pieces.append("".join(lines[first:end]))
                    for n in range(first, end):
                        keep[n] = False
                previous = node.end_lineno
            rest = "".join(line for line, kept in zip(lines, keep, strict=True) if kept)
            stay = {n for node in ast.parse(rest).body for n, _ in self.name_positions(node)}
            used = {n.id for n in ast.walk(ast.parse(rest)) if isinstance(n, ast.Name)}
            back = sorted(set(names) & used)
            if back:
                rest = self.add_imports(rest, {f"from {new} import {n}" for n in back})
            need = {n.id for t in pieces for n in ast.walk(ast.parse(t)) if isinstance(n, ast.Name)} & stay
            if need:
                self.problems.append(f"{new} takes {', '.join(names)} and needs {', '.join(sorted(need))} of {old}")
            wanted = {n.id for t in pieces for n in ast.walk(ast.parse(t)) if isinstance(n, ast.Name)}
            imports = list(self.imports_of(tree, wanted))
            texts[source] = rest
            target = self.modules.get(new) or new.replace(".", "/") + ".py"
            if target not in texts:
                doc = self.docs[new]  # the list gives the docstring of a new file
                texts[target] = f'"""{doc}"""\n\nfrom __future__ import annotations\n'
                self.modules[new] = target
            defined = {n for node in ast.parse(texts[target]).body for n, _ in self.name_positions(node)}
            imported = {name for _, name in self.bound_imports(ast.parse(texts[target]))}
            there = {line for line, name in imports if name not in defined | imported}
            there |= {f"from {old} import {n}" for n in need}
            texts[target] = self.add_imports(texts[target], there) + "\n\n" + "\n\n".join(pieces)


def main(lists: list[str]) -> int:
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    rows = []
    for each in lists:
        with Path(each).open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row and not row[0].startswith("#"):
                    full = [c.strip() for c in row] + [""] * (5 - len(row))
                    rows += [[full[0], name, *full[2:]] for name in full[1].split()]
    renamer = Renamer(rows, files)
    texts = {f: renamer.follow(f) for f in renamer.files}
    renamer.move_definitions(texts)
    print("\n".join(renamer.problems))
    if "--check" in sys.argv:
        return bool(renamer.problems)
    for path, text in texts.items():
        if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            for folder in list(Path(path).parents)[:-1]:
                if not (folder / "__init__.py").exists():
                    (folder / "__init__.py").write_text("", encoding="utf-8")
            Path(path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main([a for a in sys.argv[1:] if not a.startswith("--")]))
