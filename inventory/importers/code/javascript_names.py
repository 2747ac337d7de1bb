"""Names of JavaScript and n8n for the reader, and those that reach out or evaluate (T1)."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.importers.display import vocabulary

PLAIN = vocabulary(
    """
    undefined NaN Infinity true false null console items item query $ $input $json $binary $node $items $runIndex $itemIndex
    $position $parameter $getWorkflowStaticData getWorkflowStaticData $if $ifEmpty $max $min
    """
)
"""Names of the language and of n8n that neither reach out nor evaluate."""
FUNCTIONS = vocabulary(
    """
    String Number Boolean BigInt parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI
    escape unescape atob btoa structuredClone
    """
)
"""Built-in functions that may be arguments: they answer the same whatever calls them."""
MATH = vocabulary(
    """
    abs acos asin atan atan2 cbrt ceil cos exp floor hypot log log10 log2 max min pow random round sign sin sqrt tan trunc
    """
)
_STATIC = {
    "Math": " ".join(MATH),
    "JSON": "parse stringify",
    "Date": "now parse UTC",
    "Object": "keys values entries assign fromEntries hasOwn freeze is groupBy",
    "Array": "isArray from of",
    "String": "raw fromCharCode fromCodePoint",
    "Number": "isInteger isFinite isNaN isSafeInteger parseFloat parseInt",
    "Promise": "all allSettled any race resolve reject",
    "Intl": "DateTimeFormat NumberFormat Collator PluralRules RelativeTimeFormat ListFormat Segmenter",
    "Buffer": "from alloc byteLength concat isBuffer",
    "URL": "canParse",
    "Uint8Array": "from of",
}
_WITHOUT = """
    Map Set WeakMap WeakSet RegExp Error TypeError RangeError SyntaxError URLSearchParams TextEncoder TextDecoder ArrayBuffer
"""
STATIC: Mapping[str, frozenset[str]] = {
    **{name: frozenset[str]() for name in vocabulary(_WITHOUT) | FUNCTIONS},
    **{name: vocabulary(members) for name, members in _STATIC.items()},
}
"""Built-in objects, each with its functions that may be called."""
_VALUES = {
    "Math": "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2",
    "Number": "EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY POSITIVE_INFINITY",
    "$execution": "id mode resumeUrl resumeFormUrl",
    "$workflow": "id name active",
    "$prevNode": "name outputIndex runIndex",
}
VALUES: Mapping[str, frozenset[str]] = {name: vocabulary(members) for name, members in _VALUES.items()}
"""Members of built-in objects and of n8n's that are plain values."""
LOGS = vocabulary("log info warn error debug table")

_REFUSED = {
    "the network": "fetch XMLHttpRequest WebSocket EventSource Request Response Headers navigator $http $request $helpers helpers "
    "httpRequest importScripts Worker SharedWorker BroadcastChannel MessageChannel MessagePort caches",
    "imports": "require module exports import export __dirname __filename",
    "processes": "process child_process Deno Bun WebAssembly SharedArrayBuffer Atomics gc",
    "files": "localStorage sessionStorage",
    "global objects": "global globalThis window self GLOBAL root this super arguments",
    "variables of the environment": "$env $secrets $vars",
    "evaluation": "eval Function AsyncFunction GeneratorFunction AsyncGeneratorFunction setTimeout setInterval setImmediate "
    "queueMicrotask Reflect Proxy Symbol WeakRef FinalizationRegistry ShadowRealm with class debugger $evaluateExpression $jmespath "
    "$jmesPath $item $self $data $rawParameter $getNodeParameter getNodeParameter getWorkflowDataProxy",
}
REFUSED = {name: reason for reason, names in _REFUSED.items() for name in names.split()}
"""Names that no code may have, not even as its own, with what they use."""
REFUSED_MEMBERS = {name: reason for name, reason in REFUSED.items() if name.startswith("$")} | dict.fromkeys(
    (
        *("helpers", "httpRequest", "httpRequestWithAuthentication", "requestWithAuthentication"),
        *("requestWithAuthenticationPaginated", "requestOAuth1", "requestOAuth2"),
    ),
    REFUSED["fetch"],
)
"""Names of n8n that no member may have either, with what they use."""
MEMBERS = vocabulary(
    """
    constructor prototype __proto__ __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ caller callee arguments
    getPrototypeOf setPrototypeOf getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames getOwnPropertySymbols
    defineProperty defineProperties prepareStackTrace captureStackTrace getThis getFunction mainModule evaluateExpression
    getWorkflowDataProxy
    """
)
"""Members through which evaluation can be reached, whatever they are members of."""
RECEIVERS = vocabulary(
    """
    find findIndex findLast findLastIndex filter map forEach some every reduce reduceRight flatMap sort reverse concat slice splice
    fill copyWithin call apply bind valueOf toString get customData
    """
)
"""Members that hand on or answer what they are members of, or read it by a name that they are given: no values, only called."""
METHODS = vocabulary(
    """
    push pop shift unshift splice slice concat join map filter forEach some every find findIndex findLast findLastIndex indexOf
    lastIndexOf includes reduce reduceRight flat flatMap at trim trimStart trimEnd toLowerCase toUpperCase split replace
    replaceAll startsWith endsWith match matchAll test search substring substr charAt charCodeAt codePointAt padStart padEnd repeat
    normalize localeCompare toString toFixed toPrecision toLocaleString toISOString getTime add has set delete
    """
)
"""Methods that may be called on a member with a computed name. Functions have none of them, and no prototype but that of lists hands itself on."""

DATES: Mapping[str, frozenset[str]] = {
    "DateTime": vocabulary(
        "now local utc fromISO fromFormat fromMillis fromSeconds fromJSDate fromObject fromSQL fromRFC2822 fromHTTP min max"
    ),
    "Duration": vocabulary("fromObject fromISO fromMillis"),
    "$now": frozenset(),
    "$today": frozenset(),
}
"""Names of the library for dates, each with its functions that answer a date."""
DATE_STEPS = vocabulary(
    "plus minus set startOf endOf setZone setLocale toUTC toLocal diff diffNow shiftTo normalize negate"
)
"""Methods of a date that answer a date."""
DATE_ENDS = vocabulary(
    """
    toISO toISODate toISOTime toFormat toLocaleString toRelative toRelativeCalendar toMillis toSeconds toUnixInteger toSQL toSQLDate
    toHTTP toRFC2822 toJSDate toJSON toString toHuman toObject valueOf as hasSame equals
    """
)
"""Methods of a date that answer a plain value."""
DATE_PARTS = vocabulary(
    """
    year month day hour minute second millisecond weekday weekNumber weekYear quarter ordinal daysInMonth isValid invalidReason
    monthLong monthShort weekdayLong weekdayShort zoneName offset years quarters months weeks days hours minutes seconds milliseconds
    """
)
"""Members of a date that are plain values."""
