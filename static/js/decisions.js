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
