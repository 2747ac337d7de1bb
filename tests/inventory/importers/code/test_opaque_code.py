"""Code in exports: plain code is read, and nothing that reaches out or evaluates passes for plain (T1)."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.manifest import Manifest
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import AI, bring, manifest_of, node, workflow

IMPORTS, NETWORK, PROCESSES, EVALUATION = "uses imports", "uses the network", "uses processes", "uses evaluation"
OBJECTS, VARIABLES, NOT_KNOWN = (
    "uses global objects",
    "uses variables of the environment",
    "uses a name that is not known",
)
REACHES, COMPUTED, UNCERTAIN = "may reach evaluation", "member whose name is computed", "can't be read for certain"
BUILT_IN = "takes or replaces a built-in"

#: Code that only reshapes data.
PLAIN = [
    'return items.map(item => ({json: {half: item.json.total / 2, tagged: /a"b/.test(item.json.text)}}));',
    "let sum = 0;\nfor (let i = 0; i < items.length; i++) { sum += items[i].json.price; }\nreturn [{json: {sum}}];",
    "const seen = {};\nfor (const item of $input.all()) { seen[item.json.id] = true; }\nreturn Object.keys(seen);",
    "for (const item of items) { counts[item.json.day] += 1; }\nvar counts = {};\nreturn counts;",
    "const groups = {}; items.forEach(item => { groups[item.json.day].push(item); }); return groups;",
    "return $('Get rows').first().json['some column'].split(',').map(part => part.trim());",
    "return {json: {due: DateTime.now().plus({days: 3}).toISO(), at: new Date().getTime(), r: Math.round(1.5)}};",
    "const {name, tags: [first, ...rest]} = $json; return {name, first, rest};",
    "function total(rows) { return rows.reduce((sum, {price = 0}) => sum + price, 0); }\nreturn total(items);",
    "const text = `Dear ${$json.name}, your ${$json.count > 1 ? `${$json.count} orders` : 'order'}`;\nreturn text;",
    "try { return JSON.parse($json.body); } catch (error) { throw new Error(`No JSON: ${error.message}`); }",
    "// fetch(url) would be refused; eval too\n/* require('fs') */\nreturn 'process.exit()';",
    "const row = {fetch: 1, 'eval': 2, process: 3}; return row.fetch + row.process + row.require;",
    "return items[items.length - 1].json[`day${$json.n}`] + items[Math.floor(Math.random() * items.length)].json.x;",
    "const found = /<!--(.*?)-->/.exec($json.html); console.log(found); return [found ? found[1] : ''];",
    "const rows = items.map(row => columns.map(column => String(row[column] || '')).join(','));\nvar columns = [];\nreturn rows;",
    "const days = {}; items.forEach(one => { days[one.json.day] = (days[one.json.day] || 0) + 1; }); return days;",
    "const half = [];\nfor (let i = 0; i < items.length; i += 2) { half.push(items[i]); }\nreturn half;",
    "async function all() { return await Promise.all([1, 2]); }\nreturn await all();",
]
#: Code that tries to pass for plain, and the reason for which it is opaque.
HOSTILE = [
    ("globalThis['ev'+'al']('1')", OBJECTS),
    ("global.process.exit()", OBJECTS),
    ("this.constructor.constructor('return process')()", OBJECTS),
    ("return this.helpers.httpRequest({url: 'https://x.example'})", OBJECTS),
    ("(function () { return this })()", OBJECTS),
    ("(function () { arguments.callee('x') })()", REACHES),
    ("const fs = require('fs')", IMPORTS),
    ("await import('child_process')", IMPORTS),
    ("import fs from 'fs'", IMPORTS),
    ("module.exports = 1", IMPORTS),
    ("return fetch('https://x.example')", NETWORK),
    ("const {fetch} = items; fetch('https://x.example')", NETWORK),
    ("const send = fetch; send('https://x.example')", NETWORK),
    ("[fetch][0]('https://x.example')", NETWORK),
    ("function wait(f = fetch) { return f('https://x.example') }", NETWORK),
    ("new XMLHttpRequest()", NETWORK),
    ("new WebSocket('wss://x.example')", NETWORK),
    ("return $helpers.httpRequest({url: 'https://x.example'})", NETWORK),
    ("return await helpers.request('https://x.example')", NETWORK),
    ("return process.env.SECRET", PROCESSES),
    ("return String.raw`${process}`", PROCESSES),
    ("new WebAssembly.Module(items)", PROCESSES),
    ("return $env.SECRET", VARIABLES),
    ("eval('1')", EVALUATION),
    ("(0, eval)('1')", EVALUATION),
    ("items.map(eval)", EVALUATION),
    ("new Function('return 1')()", EVALUATION),
    ("const eval = 1; eval", EVALUATION),
    ("setTimeout('evil()', 1)", EVALUATION),
    ("Reflect.get(() => 1, 'con' + 'structor')", EVALUATION),
    ("new Proxy({}, {})", EVALUATION),
    ("with (Math) { floor(1) }", EVALUATION),
    ("return $evaluateExpression('{{ 1 }}')", EVALUATION),
    ("return `a\\`${eval('1')}`", EVALUATION),
    ("return `${`${eval('1')}`}`", EVALUATION),
    ('x = 1 /* " */ + eval("/* */")', EVALUATION),
    ('if (items) /"/.test(\'x\'); eval("/"); /"/', EVALUATION),
    ('var a = 1, b = 2, g = 3, c = a\n/b/g; eval("/g")', EVALUATION),
    ("// hidden\u2028eval('1')", EVALUATION),
    ("// hidden\reval('1')", EVALUATION),
    ("[].map.constructor('x')()", REACHES),
    ("$input['constructor']", REACHES),
    ("$input['\\x63onstructor']", REACHES),
    ("$input['con\\\nstructor']", REACHES),
    ("$input?.['\\u{63}onstructor']", REACHES),
    ("const {constructor: C} = () => 1; C('x')()", REACHES),
    ("const {'\\143onstructor': C} = () => 1; C('x')()", REACHES),
    ("const {constructor} = () => 1; constructor('x')()", REACHES),
    ("Object.getPrototypeOf(async () => 1)", REACHES),
    ("Object.getOwnPropertyDescriptor(items.map, 'x')", REACHES),
    ("Error.prepareStackTrace = (error, stack) => stack[0].getThis()", REACHES),
    ("[]['con' + 'structor']['con' + 'structor']('return 1')()", COMPUTED),
    ("$input[`constructor`]", COMPUTED),
    ("$input[`con${'struc'}tor`]", COMPUTED),
    ("const k = $json.k; const f = [][k]; return f", COMPUTED),
    ("const k = $json.k; return items.map((() => 1)[k])", COMPUTED),
    ("const k = $json.k; return !(() => 1)[k]('x')()", COMPUTED),
    ("const k = $json.k; return typeof items[k]('x')", COMPUTED),
    ("const k = $json.k; return (() => 1)[k].call(null, 'x')()", COMPUTED),
    ("const k = $json.k; return `${items[k]('x')}`", COMPUTED),
    ("const k = $json.k; const f = (() => 1)[k].valueOf(); return f('x')()", COMPUTED),
    ("const k = $json.k; return items?.[k]?.('x')", COMPUTED),
    ("const names = {a: 'Anna'}; const k = $json.k; if (k in names) { return names[k] }", COMPUTED),
    ("const k = $json.k; const {[k]: C} = () => 1; return C('x')()", COMPUTED),
    ("const m = {a: () => 1}; const k = $json.k; const g = m[k]; const f = g[k]; return f('x')()", COMPUTED),
    ("const m = {a: () => 1}.a; const k = $json.k; const f = m[k]; return f('x')()", COMPUTED),
    ("const m = {a: 1}; const k = $json.k; return (m => m[k])(() => 1)", COMPUTED),
    ("{ const m = {a: 1}; } m = () => 1; const k = $json.k; const f = m[k]; return f('x')()", COMPUTED),
    ("{ const m = {a: 1}; } [m] = $json.list; const k = $json.k; const f = m[k]; return f('x')()", COMPUTED),
    ("let m = {a: 1}; m = () => 1; const k = $json.k; const f = m[k]; return f('x')()", COMPUTED),
    ("const k = $json.k; const f = (items[k] || 0); return f", COMPUTED),
    ("const k = $json.k; const f = (items.map[k] || 1)('x'); return f()", BUILT_IN),
    ("const {['con' + 'structor']: C} = () => 1; C('x')()", COMPUTED),
    ("const k = $json.k; return (({[k]: C}) => C)(() => 1)", COMPUTED),
    ("const String = v => v; const f = String(items[$json.k]); f('x')", BUILT_IN),
    ("let i = 0; i = 'constructor'; return [][i]", COMPUTED),
    ("let i = 0; [i] = $json.list; return [][i]", COMPUTED),
    ("let i = 0; ({a: i} = $json); return [][i]", COMPUTED),
    ("let i = 0; for (i of $json.list) { return [][i] }", COMPUTED),
    ("let i = 0; const f = i => [][i]; return f('x')", COMPUTED),
    ("Math.floor = () => 'constructor'; return [][Math.floor(1)]", BUILT_IN),
    ("const M = Math; M.floor = () => 'constructor'; return [][Math.floor(1)]", BUILT_IN),
    ("function* g() { return [][yield 1 - 1] }", COMPUTED),
    ("someGlobal()", NOT_KNOWN),
    ("$unheardOf.run()", NOT_KNOWN),
    ("const $http2 = 1; return $http2", NOT_KNOWN),
    ("console._stdout.write('x')", NOT_KNOWN),
    ("const c = console; return c._stdout", NOT_KNOWN),
    ("const async = () => 1; return async['con' + 'structor']", NOT_KNOWN),
    ("\\u0065val('1')", UNCERTAIN),
    ("<!-- `\neval('1')\n<!-- `", UNCERTAIN),
    ("for await (const x of []) /\"/; eval('1') /\"/", UNCERTAIN),
    ("for (;;) { if (items) break\n/\"/;eval('1');/\"/ }", UNCERTAIN),
    ("x = {} /\"/; eval('1') /\"/", UNCERTAIN),
    ("return 'not closed", UNCERTAIN),
    ("return (1]", UNCERTAIN),
    ("class A { #x = 1 }", EVALUATION),
    ("a[k];" * 30_000, UNCERTAIN),
]
PLAIN_PYTHON = [
    "return [{'json': {'total': sum(item['json']['price'] for item in _input.all())}}]",
    "rows = _('Get rows').first()['json']\nbest = None\nfor row in rows:\n    if row['x'] > 3:\n        best = row\nreturn best",
    "def double(x):\n    return x * 2\n\nreturn list(map(double, [1, 2]))",
    "text = '''import os\n  eval(1)'''\nreturn f\"{text!r} {len(text):>4}\"",
]
HOSTILE_PYTHON = [
    ("import os", IMPORTS),
    ("from js import fetch", IMPORTS),
    ("__import__('os').system('x')", IMPORTS),
    ("eval('1')", EVALUATION),
    ("exec('import os')", EVALUATION),
    ("f = eval\nreturn f('1')", EVALUATION),
    ("return getattr(_input, 'constr' + 'uctor')", EVALUATION),
    ("compile('1', 'x', 'exec')", EVALUATION),
    ("type('X', (), {})", EVALUATION),
    ("def eval(x):\n    return x\nreturn eval(1)", EVALUATION),
    ("open('/etc/passwd')", "uses files"),
    ("subprocess.run(['ls'])", PROCESSES),
    ("().__class__.__base__.__subclasses__()", REACHES),
    ("return _input.all.constructor('return 1')()", REACHES),
    ("return (x for x in []).gi_frame.f_back", REACHES),
    ("return _json['constructor']", REACHES),
    ("requests.get('https://x.example')", NETWORK),
    ("unheard_of()", NOT_KNOWN),
    ("class A:\n    pass", "does what is not known"),
    ("async def f():\n    await g()", "does what is not known"),
    ("return (1", UNCERTAIN),
    ("return " + "(" * 100 + "1" + ")" * 100, "too long or too deep"),
    ("x = 1\n" * 10_000, "too long or too deep"),
]


def because(manifest: Manifest) -> str:
    """Why the code is opaque; empty where it is not."""
    return "; ".join(finding.detail for finding in manifest.findings if finding.code == "opaque_code")


def javascript(text: str) -> str:
    return because(manifest_of(node("code", "A", 2, jsCode=text)))


def python(text: str) -> str:
    return because(manifest_of(node("code", "A", 2, language="python", pythonCode=text)))


@pytest.mark.rule("T1")
@pytest.mark.parametrize("text", PLAIN)
def test_code_that_only_reshapes_data_is_not_opaque(text: str) -> None:
    assert javascript(text) == ""


@pytest.mark.rule("T1")
@pytest.mark.parametrize(("text", "reason"), HOSTILE, ids=[text[:40] for text, _ in HOSTILE])
def test_code_that_reaches_out_or_evaluates_is_opaque_and_says_why(text: str, reason: str) -> None:
    assert reason in javascript(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize("text", PLAIN_PYTHON)
def test_python_that_only_reshapes_data_is_not_opaque(text: str) -> None:
    assert python(text) == ""


@pytest.mark.rule("T1")
@pytest.mark.parametrize(("text", "reason"), HOSTILE_PYTHON, ids=[text[:40] for text, _ in HOSTILE_PYTHON])
def test_python_that_reaches_out_or_evaluates_is_opaque_and_says_why(text: str, reason: str) -> None:
    assert reason in python(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("kind", "parameters", "reason"),
    [
        ("code", {}, "its text is missing"),
        ("code", {"jsCode": "  "}, "its text is missing"),
        ("code", {"jsCode": 7}, "its text is missing"),
        ("code", {"pythonCode": "return 1"}, "its text is missing"),
        ("code", {"language": "python", "jsCode": "return 1"}, "its text is missing"),
        ("code", {"language": "python", "jsCode": "return 1", "pythonCode": "import os"}, IMPORTS),
        ("code", {"jsCode": "return 1", "pythonCode": "import os"}, IMPORTS),
        ("code", {"language": "={{ $json.l }}", "jsCode": "return 1"}, "its language is not known"),
        ("code", {"jsCode": "={{ $json.code }}"}, "put together at run time"),
        (AI + "toolCode", {"jsCode": "return fetch(query)"}, NETWORK),
        (AI + "code", {"code": {"execute": {"code": "return this.getInputData()"}}}, OBJECTS),
        ("executeCommand", {"command": "echo"}, "runs a command of a machine"),
        ("ssh", {"command": "echo"}, "runs a command of a machine"),
        ("pythonFunction", {"functionCode": "import os"}, IMPORTS),
    ],
)
def test_missing_text_and_every_kind_of_node_is_judged(kind: str, parameters: dict[str, Any], reason: str) -> None:
    assert reason in because(manifest_of(node(kind, "A", 2, **parameters)))


@pytest.mark.rule("T1")
def test_code_of_every_node_that_can_hold_it_is_read() -> None:
    for kind, parameters in (
        ("function", {"functionCode": "return items"}),
        ("functionItem", {"functionCode": "return item"}),
        (AI + "toolCode", {"jsCode": "return query.length"}),
        (AI + "code", {"code": {"execute": {"code": "return $input.all()"}}}),
        ("pythonFunction", {"functionCode": "return items"}),
    ):
        assert because(manifest_of(node(kind, "A", 1, **parameters))) == "", kind


@pytest.mark.rule("T1")
def test_a_workflow_with_more_code_than_is_read_is_opaque_throughout() -> None:
    nodes = [node("code", f"N{number}", 2, jsCode="return 1;" + " " * 99_000) for number in range(5)]
    manifest = bring(workflow(*nodes)).manifest
    details = {finding.detail for finding in manifest.findings if finding.code == "opaque_code"}
    assert details == {"Runs what can't be judged from its text: the workflow has more code than is read"}


@pytest.mark.rule("T1", "I6")
def test_reason_quotes_no_code() -> None:
    for text in ("return hunter2secret()", "return '''", "const {'hunter2secret': x} = a"):
        assert "hunter2" not in javascript(text)
    assert "hunter2" not in python("hunter2secret()")


@pytest.mark.full("reads all code of the real exports")
@pytest.mark.rule("T1")
def test_most_code_of_the_real_exports_is_read(real_exports: Path) -> None:
    kinds: Counter[str] = Counter()
    for path in sorted((real_exports / "imports").glob("n8n_*/**/*.json")):
        try:
            results = read_export(path.name, path.read_bytes())
        except ImportProblem:
            continue
        for result in results:
            opaque = {finding.at for finding in result.manifest.findings if finding.code == "opaque_code"}
            at = [
                privilege.at
                for privilege in result.manifest.privileges
                if (privilege.resource, privilege.operation) == ("code", "run")
            ]
            kinds.update("opaque" if place in opaque else "read" for place in at)
    sys.stdout.write(json.dumps(kinds) + "\n")
    assert kinds["read"] >= 95
