// Decisions one after another. Whoever presses while an answer is on its way does not have to wait, and nothing pressed is lost.
//
// Each answer draws #rows anew, so the form that was pressed in the meantime is gone when its own answer comes. What it would have sent is
// kept instead and sent when the answer is there, with the digest that its reader saw: what changed since then is refused (A6).

const waiting = [];
let sent = "";
let sentFrom = ""; // id of the element that had the focus then

const isDecision = ({ target, verb }) => verb === "post" && target?.id === "rows";
const signature = (path, values) => [path, ...(values?.getAll("approval") ?? [])].join(" ");

document.addEventListener("htmx:confirm", (event) => {
  const { elt, path, triggeringEvent } = event.detail;
  if (!sent || !isDecision(event.detail)) return;
  event.preventDefault();
  const values = new FormData(elt, triggeringEvent?.submitter);
  // Two presses about one approval are one decision (A8).
  const name = signature(path, values);
  if (name === sent || waiting.some((one) => one.name === name)) return;
  waiting.push({ name, path, values });
});

// An undo has a form of its own: it too says which rows are open, and which stay among the reader's.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!isDecision(detail)) return;
  for (const name of ["open", "kept"]) {
    if (detail.formData.has(name)) continue;
    for (const field of document.querySelectorAll(`#rows [name=${name}]`)) detail.formData.append(name, field.value);
  }
});

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!isDecision(detail.requestConfig)) return;
  sent = signature(detail.requestConfig.path, detail.requestConfig.formData);
  sentFrom = detail.requestConfig.elt.matches("form") ? document.activeElement.id : "";
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isDecision(detail.requestConfig)) return;
  sent = "";
  const next = waiting.shift();
  if (next) htmx.ajax("POST", next.path, { target: "#rows", swap: "outerHTML", values: next.values });
});

// What was typed or chosen in other rows that are open is put back, with the digest that their reader saw. So is a reason that was
// typed after the decision was sent. What belongs to the sent approvals is drawn as the answer says.

let held = [];
let reason = null;
let caret = null;
let keepsFocus = false; // whether the reader has begun to write the next reason

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!isDecision(detail.requestConfig)) return;
  const values = detail.requestConfig.formData;
  const keys = values.getAll("approval");
  const isOfSent = (field) => keys.some((key) => field.name.endsWith(`-${key}`));
  const fields = [...document.querySelectorAll(".record-open :is(input, textarea)[name]:not([data-row-select])")];
  held = fields.filter((field) => !isOfSent(field)).map(({ name, type, value, checked, id }) => ({ name, type, value, checked, id }));
  const typed = document.getElementById("reason")?.value ?? "";
  reason = typed !== (values.get("reason") ?? "") ? typed : null;
  const { id, selectionStart, selectionEnd } = document.activeElement;
  caret = { id, at: [selectionStart, selectionEnd] };
  keepsFocus = id === "reason" && (sentFrom !== "reason" || reason !== null);
});

document.addEventListener("htmx:afterSwap", () => {
  const back = (field, value) => {
    if (field.value !== value) field.value = value;
    if (field.id && field.id === caret?.id) field.setSelectionRange(...caret.at);
  };
  for (const { name, type, value, checked, id } of held) {
    const isChoice = ["radio", "checkbox"].includes(type);
    const field = id ? document.getElementById(id) : document.querySelector(`.record-open [name="${name}"]${isChoice ? `[value="${CSS.escape(value)}"]` : ""}`);
    if (!field) continue;
    if (isChoice) field.checked = checked;
    else back(field, value);
  }
  const field = document.getElementById("reason");
  if (field && reason !== null) back(field, reason);
  if (keepsFocus) for (const other of document.querySelectorAll("[data-focus]")) delete other.dataset.focus;
  held = [];
  reason = null;
});
