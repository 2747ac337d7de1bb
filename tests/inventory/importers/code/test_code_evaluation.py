"""Code that evaluates text through members whose names it hides is opaque (T1). The JavaScript here returned `process` when Node ran it."""

from __future__ import annotations

import time

import pytest

from inventory.importers.code.javascript import opaque_because
from tests.inventory.importers.code.test_opaque_code import (
    BUILT_IN,
    COMPUTED,
    EVALUATION,
    IMPORTS,
    NETWORK,
    NOT_KNOWN,
    REACHES,
    VARIABLES,
    javascript,
    python,
)

TEMPLATE, DATES = "hands a template to a function", "hands a date on"
KEY = "const k = ['con', 'structor'].join(''); "
PROTO = "const m = {a: 1}; const p = '__pro' + 'to__'; "
RUN = "F('return process')()"

#: A computed name reaches `constructor`, a prototype or a method that calls or answers what it belongs to.
HIDDEN = [
    (
        KEY + "(() => 1)[k].seek = [].find; let F; (() => 1)[k].seek((v, i, f) => { F = f; return true; }); " + RUN,
        COMPUTED,
    ),
    (
        PROTO + "const P = m[p]; P.toString = () => 'con' + 'structor'; const F = (() => 1)[Math.toString()]; " + RUN,
        COMPUTED,
    ),
    (PROTO + "const P = m[p]; P.seek = [].find; let F; (() => 1)[k].seek((v, i, f) => { F = f; }); " + RUN, COMPUTED),
    (PROTO + "const g = m['__lookup' + 'Getter__']; return g.call({}, p).call(() => 1)", COMPUTED),
    (PROTO + "if (p in m) { const P = m[p]; P.hit = 1 }", COMPUTED),
    (KEY + "(() => 1)[k].seek(1)", COMPUTED),
    (KEY + "(() => 1)[k].seek?.(1)", COMPUTED),
    (KEY + "(() => 1)[k].seek`x`", COMPUTED),
    (KEY + "(() => 1)[k].push?.(1)", COMPUTED),
    (KEY + "[(() => 1)[k].seek] = [() => 1]", COMPUTED),
    (KEY + "for ((() => 1)[k].seek of [() => 1]) { }", COMPUTED),
    (KEY + "(() => 1)[k].seek ||= 1", COMPUTED),
    (KEY + "delete (() => 1)[k]('return process')()", COMPUTED),
    (KEY + "let y = 0; const F = (() => 1)[k]\n++y; " + RUN, COMPUTED),
    (KEY + "let y = 0; const F = (() => 1)[k]\n--y; " + RUN, COMPUTED),
    (KEY + "const tag = (s, v) => v; const F = tag`${(() => 1)[k]}`; " + RUN, TEMPLATE),
    (KEY + "function* g() { yield * (() => 1)[k]; }", COMPUTED),
    ("let i = 0; const o = {['m'](i) { return (() => 1)[i] }}; const F = o.m('con' + 'structor'); " + RUN, COMPUTED),
    ("let i = 0; const o = {'m'(i) { return (() => 1)[i] }}; const F = o.m('con' + 'structor'); " + RUN, COMPUTED),
    ("let i = 0; const o = {1(i) { return (() => 1)[i] }}; return o", COMPUTED),
    ("let i = 0; const o = {*m(i) { yield (() => 1)[i] }}; return o", COMPUTED),
    (KEY + "const F = (() => 1)[(k)]; " + RUN, COMPUTED),
    ("const F = (() => 1)[('constructor')]; " + RUN, COMPUTED),
    ("const F = (() => 1)[0, 'constructor']; " + RUN, COMPUTED),
    (KEY + "new ((() => 1)[k].seek)", COMPUTED),
    ("let i = 0; [[[i]]] = $json.list; return [][i]", COMPUTED),
    ("let i = 0; i ||= 'constructor'; return [][i]", COMPUTED),
    ("someGlobal += ''; return someGlobal('x')", NOT_KNOWN),
    ("for (someGlobal of []) {} return someGlobal('x')", NOT_KNOWN),
    ("let i = 0; const o = {if(i) { return (() => 1)[i] }}; return o", COMPUTED),
    ("let i = 0; const o = {a: 1, while(i) { return (() => 1)[i] }}; return o", COMPUTED),
    ("let i = 0; const o = {async for(i) { return (() => 1)[i] }}; return o", COMPUTED),
    ("let i = 0; (i) = 'con' + 'structor'; const F = (() => 1)[i]; " + RUN, COMPUTED),
    ("let i = 0; for ((i) of ['con' + 'structor']) { const F = (() => 1)[i] }", COMPUTED),
    (KEY + "((() => 1)[k].seek) = 1", COMPUTED),
    (KEY + "((() => 1)[k].seek)(1)", COMPUTED),
    (KEY + "((() => 1)[k].seek)?.(1)", COMPUTED),
    (KEY + "const f = (() => 1)[k].sort()", COMPUTED),
    ("return [][Math.constructorOf(1)]", COMPUTED),
    ("return [][Math.toString()]", COMPUTED),
]
#: A built-in function becomes a value, or another one takes its place.
TAKEN = [
    ("const f = [].find; return f", BUILT_IN),
    ("const f = []['find']; return f", BUILT_IN),
    ("const k = 'd'; const f = [][`fin${k}`]; return f", COMPUTED),
    ("const {find} = []; return find", BUILT_IN),
    ("const {find: f} = []; return f", BUILT_IN),
    ("const {'find': f} = []; return f", BUILT_IN),
    ("return [].find.call(() => 1, v => v)", BUILT_IN),
    ("return Array.from({length: 1}, Object.create)", BUILT_IN),
    ("const O = Object; return O.create({})", BUILT_IN),
    ("Math.floor = () => 'constructor'; return [][Math.floor(1)]", BUILT_IN),
    ("[String] = [v => v]; return String(items[$json.k])", BUILT_IN),
    ("({a: String} = {a: v => v}); return String(items[$json.k])", BUILT_IN),
    ("for (String of [v => v]) { return String(items[$json.k]) }", BUILT_IN),
    ("(String) = v => v; return String(items[$json.k])", BUILT_IN),
    ("String = v => v; return String(items[$json.k])", BUILT_IN),
    ("return items.map((v, Number) => Number(v[$json.k]))", BUILT_IN),
    ("return Buffer.allocUnsafe(100000).toString('latin1')", BUILT_IN),
    ("return URL.createObjectURL(items)", BUILT_IN),
    ("return Object['create']({})", BUILT_IN),
    ("return Object.values($execution)", BUILT_IN),
    ("return $execution.customData.get('x')", BUILT_IN),
    ("{ let localStorage = 1; } localStorage.setItem('a', 'b')", "uses files"),
    ("{ let getWorkflowDataProxy = 1; } return getWorkflowDataProxy()", REACHES),
]
#: The library for dates reads members by names that it is given.
LIBRARY = [
    ("const l = DateTime.now().loc; l.monthsCache.standalone = () => 1; l.months('con' + 'structor')", DATES),
    ("const l = Object.values(DateTime.now()); return l", DATES),
    ("const f = () => 1; f.get = DateTime.now().get; return f.get('con' + 'structor')", DATES),
    ("return DateTime.now().get('g' + 'et')", DATES),
    ("return DateTime.fromMillis(0, {zone: '__pro' + 'to__'}).zone", DATES),
    ("return Duration.normalizeUnit({toLowerCase: () => '__pro' + 'to__'})", DATES),
    ("const D = DateTime; return D", DATES),
    ("return {...$now}", DATES),
    ("return $now[$json.k]", DATES),
    ("const d = $now; const e = d; return e", DATES),
    ("let d = $now; d = () => 1; return d.toISO()", DATES),
    ("const o = {diff: d => d}; return o.diff($now)", DATES),
    ("const d = $now; { const d = {diff: v => v}; } return d.diff($now)", DATES),
    ("return $now.until({isLuxonDateTime: true, diff: d => d}).count('days')", DATES),
    ("const d = $now; (d) = v => v", DATES),
    ("const d = $now\n++d", DATES),
    ("DateTime.now = () => 1", DATES),
]
#: n8n's own ways to variables, secrets, requests and evaluation, as members.
N8N = [
    ("return $item(0).$evaluateExpression('{{ 1 }}')", EVALUATION),
    ("return [{json: {s: $item(0).$env.SECRET}}]", EVALUATION),
    ("return $item(0)['$env']['SECRET']", EVALUATION),
    ("const {$env: e} = $item(0); return e.SECRET", VARIABLES),
    ("return $item(0).$secrets.vault.key", EVALUATION),
    ("return $item(0).$jmespath({}, 'x')", EVALUATION),
    ("return $('x').$evaluateExpression('{{ 1 }}')", EVALUATION),
    ("return $('x').$item(0)", EVALUATION),
    ("return $('x').$env.SECRET", VARIABLES),
    ("return $('x')['$env'].SECRET", VARIABLES),
    ("return $('x')?.['$secrets']", VARIABLES),
    ("const {'$env': e} = $('x'); return e.SECRET", VARIABLES),
    ("const {$env} = $('x'); return 1", VARIABLES),
    ("return $('x').$jmesPath({}, 'x')", EVALUATION),
    ("return $input.helpers.httpRequest({url: 'https://x.example'})", NETWORK),
    ("return $('x').helpers.httpRequest({url: 'https://x.example'})", NETWORK),
    ("return $('x')['helpers']", NETWORK),
    ("const {helpers: h} = $input; return h", NETWORK),
    ("const {httpRequest} = $input; return 1", NETWORK),
    ("return $input[`help${$json.k}`]", COMPUTED),
]
PYTHON = [
    (
        "def f():\n    return 1\ntry:\n    '{0.__builtins__[eval].x}'.format(f)\n"
        "except AttributeError as e:\n    return e.obj(\"__import__('os').getpid()\")",
        REACHES,
    ),
    ("def f():\n    return 1\nreturn '{0.__globals__}'.format(f)", REACHES),
    ("def f():\n    return 1\nreturn '{f.__globals__}'.format_map({'f': f})", REACHES),
    ("return list(map(str.format, ['{0.__class__}'], [1]))", REACHES),
    ("return '{0.$env.SECRET}'.format(_item(0))", REACHES),
    ("return _item(0)", NOT_KNOWN),
    ("return _item.x", NOT_KNOWN),
    ("f = _item\nreturn f(0)", NOT_KNOWN),
    ("f = lambda _env: 1\nreturn _env['SECRET']", VARIABLES),
    ("f = lambda _item: 1\nreturn _item(0)", NOT_KNOWN),
    ("f = lambda _evaluateExpression: 1\nreturn _evaluateExpression('{{ 1 }}')", EVALUATION),
    ("f = lambda help: 1\nreturn help('os')", EVALUATION),
    ("return _input.helpers.httpRequest({})", REACHES),
    ("return _now.loc.months('con' + 'structor')", NOT_KNOWN),
    ("return _input.as_py_json()", REACHES),
    ("match 1:\n    case int(real=x):\n        return x", "does what is not known"),
    ("@eval\ndef f(x):\n    pass", EVALUATION),
    ('# \u2028"""\nimport os\n# \u2028"""\nreturn []', IMPORTS),
    ('# \x0c"""\nimport os\n# \x0c"""\nreturn []', IMPORTS),
    ('# \x1d"""\nimport os\n# \x1d"""\nreturn []', IMPORTS),
]
#: Code of the same shapes that reaches nothing.
PLAIN = [
    "const groups = {}; for (const item of items) { groups[item.json.k].count += 1; groups[item.json.k].n++; } return groups;",
    "const rows = {}; return items.map(item => rows[item.json.k].name.trim() + rows[item.json.k].list.map(x => x.id).join(','));",
    "const names = {a: 'Anna'}; return `Dear ${names[$json.k]}` + String(names[$json.k] || 'you');",
    "if ($json.total > limits[$json.k]) { throw new Error('too high') } var limits = {a: 3}; return items;",
    "return items.map(item => item.json.tags.map(String).filter(Boolean).find(tag => tag in {a: 1}));",
    "const {order, kind = 'all'} = $json.query; return [order, kind].map(encodeURIComponent);",
    "return {json: {order: $json.query.sort === 'asc', by: $json.query.order || 'asc', size: Number.MAX_SAFE_INTEGER, pi: Math.PI}};",
    "const now = DateTime.now(); const due = now.plus({days: 3}); return {late: due < now, at: due.toISO(), d: due.diff(now, 'days').days};",
    "const due = DateTime.fromISO($json.due)\nreturn `${due.toFormat('yyyy')} ${$now.weekday} ${due.diff(DateTime.now(), 'days').as('days')}`",
    "for (let i = 0; i < items.length; i++) { if (items[i].json.ok) { items[i].json.n = i; } }\nreturn items;",
    "const url = new URL($json.url); return [url.searchParams.get('q'), String.raw`a\\b`, typeof Buffer, $execution.id];",
    "const seen = new Map(); return items.filter(item => !seen.get(item.json.id) && seen.set(item.json.id, true));",
]
PLAIN_PYTHON = [
    "return [{'json': {'format': _item['json']['format'], 'obj': 1}}]",
    "rows = [item.json.name for item in _input.all()]\nreturn {'n': len(rows), 'text': '%s of %d' % (rows[0], 3)}",
    "rows = {'a': 1}\nreturn [f\"{key}: {rows.get(key, 0):>4}\" for key in sorted(rows)]",
]


@pytest.mark.rule("T1")
@pytest.mark.parametrize(("text", "reason"), HIDDEN + TAKEN + LIBRARY, ids=lambda value: value[-50:])
def test_hidden_function_names_count_as_evaluation(text: str, reason: str) -> None:
    assert reason in javascript(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(("text", "reason"), N8N, ids=lambda value: value[:50])
def test_variables_requests_and_evaluation_of_n8n_are_refused_as_members(text: str, reason: str) -> None:
    assert reason in javascript(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(("text", "reason"), PYTHON, ids=lambda value: value[:50])
def test_python_that_reads_members_by_hidden_names_is_opaque(text: str, reason: str) -> None:
    assert reason in python(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize("text", PLAIN, ids=lambda value: value[:50])
def test_harmless_code_of_same_shape_stays_readable(text: str) -> None:
    assert javascript(text) == ""


@pytest.mark.rule("T1")
@pytest.mark.parametrize("text", PLAIN_PYTHON, ids=lambda value: value[:50])
def test_python_of_the_same_shapes_stays_plain(text: str) -> None:
    assert python(text) == ""


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    "text",
    [
        "return (() => 1).\\u0063onstructor('x')()",
        "const {\\u0063onstructor: F} = () => 1; return F('x')()",
        "return 1 \0 + 1",
        "x = function () {} /\"/; eval('1') /\"/",
        "const x = 1 /* */ /\"/; eval('1') /\"/",
        "let n = 1; n++ /\"/; eval('1') /\"/",
        "return yield /1/",
        "let " + "[" * 5_000 + "a" + "]" * 5_000 + " = $json",
        "return <b>eval('1')",
    ],
    ids=lambda text: text[:40],
)
def test_text_that_engines_may_read_otherwise_is_not_read(text: str) -> None:
    assert "can't be read for certain" in opaque_because(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    "text", ["return <b>{eval('1')}</b>", "return <b>eval('1')</b>", "a\n--> eval('1')", "@x class {}"]
)
def test_parts_that_are_not_listed_are_opaque(text: str) -> None:
    assert opaque_because(text)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("head", "part"),
    [
        ("let a = [], i = 0;", "a[i];"),
        ("let a = [];", "a[Math.max(1)];"),
        ("let d = $now;", "d.toISO();"),
        ("let d = $now", ".diff($now)"),
    ],
    ids=["counters", "Math", "dates", "rows"],
)
def test_the_work_for_code_grows_with_its_length_alone(head: str, part: str) -> None:
    def seconds(parts: int) -> float:
        began = time.process_time()
        opaque_because(head + part * parts)
        return time.process_time() - began

    assert min(seconds(4_000) for _ in range(2)) < 24 * min(seconds(500) for _ in range(3))
