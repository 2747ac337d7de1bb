// Decisions one after another. Whoever presses while an answer is on its way does not have to wait, and nothing pressed is lost.
//
// Each answer draws #rows anew, so the form that was pressed meanwhile is gone when its own answer comes. What it would have sent is
// kept instead and sent when the answer is there, with the digest that its reader saw: what changed since then is refused (A6).

const waiting = [];
let sent = "";

const isDecision = ({ target, verb }) => verb === "post" && target?.id === "rows";

document.addEventListener("htmx:confirm", (event) => {
  const { elt, path, triggeringEvent } = event.detail;
  if (!sent || !isDecision(event.detail)) return;
  event.preventDefault();
  // Two presses of one button are one decision (A8).
  if (path === sent || waiting.some((one) => one.path === path)) return;
  waiting.push({ path, values: new FormData(elt, triggeringEvent?.submitter) });
});

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (isDecision(detail.requestConfig)) sent = detail.requestConfig.path;
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isDecision(detail.requestConfig)) return;
  sent = "";
  const next = waiting.shift();
  if (next) htmx.ajax("POST", next.path, { target: "#rows", swap: "outerHTML", values: next.values });
});

// What is open stays open and keeps what was typed in it. The answer is told which rows to draw open; what their forms held is put
// back into them, with the digest that their reader saw. The form that was sent is drawn as its answer says.

const decisionForms = () => [...document.querySelectorAll("form.decision")];
let held = new Map();
let caret = null;

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!isDecision(detail)) return;
  for (const row of document.querySelectorAll("#rows .record-open")) detail.formData.append("open", row.id.replace("row-", ""));
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!isDecision(detail.requestConfig)) return;
  const others = decisionForms().filter((form) => form.getAttribute("action") !== detail.requestConfig.path);
  held = new Map(others.map((form) => [form.getAttribute("action"), new FormData(form)]));
  const { id, selectionStart, selectionEnd } = document.activeElement;
  caret = { id, at: [selectionStart, selectionEnd] };
});

document.addEventListener("htmx:afterSwap", () => {
  for (const form of decisionForms()) {
    const values = held.get(form.getAttribute("action"));
    if (!values) continue;
    for (const field of form.querySelectorAll("input[name], textarea")) {
      if (["radio", "checkbox"].includes(field.type)) field.checked = values.getAll(field.name).includes(field.value);
      else if (values.has(field.name)) field.value = values.get(field.name);
      if (field.id && field.id === caret.id) field.setSelectionRange(...caret.at);
    }
  }
  held = new Map();
});
