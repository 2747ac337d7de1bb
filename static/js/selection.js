// The decision bar of the review page says what the next press decides: the ticked rows, or else the row that the reader is at. On a touch
// screen that is the row in view.
//
// form[data-decision]   the bar. The checkboxes (data-row-select) stand in the rows and belong to it; without this script the ticked ones count.
//   data-decision-count, -name, -needs, -label, -warning, -note, -error   places for words; -approve and -rest   buttons
// --bottom-bar          on the body: how high the bar is, for what ends above it
// data-key, -name, -label, -needs, -required, -signs, -held, -alone       on a checkbox: what the bar says of its approval
// data-asked            on a control that was part of what was asked: leaving it is narrower, and the button says so

const SEVERAL = "Say why: the reason stands with each decision.";
const ONE = "Say why: this decision needs a reason.";
const bar = () => document.querySelector("[data-decision]");
const boxes = () => [...document.querySelectorAll("[data-row-select][form=decision]")];
const part = (name) => bar().querySelector(`[data-decision-${name}]`);
const rowOf = (box) => box.closest("[data-row]");
const isTyping = (element) => element?.matches?.("textarea, select, input:not([type=checkbox], [type=radio])");
let current = ""; // key of the reader's row where they are
let pending = "approve"; // the decision whose key led to the reason
const SENDS = { reject: "required; Ctrl+Enter rejects", ask: "required; Ctrl+Enter requests changes" };

const ticked = () => boxes().filter((box) => box.checked);
const here = () => boxes().find((box) => box.dataset.key === current);
const selected = () => (ticked().length ? ticked() : here() ? [here()] : []);
const isNarrowed = (box) => [...rowOf(box).querySelectorAll("[data-asked]")].some((input) => !input.checked);

// Approvals that need their own decision are left out of several, unless all are signed for one conflict.
const apartOf = (chosen) => (chosen.length > 1 && !chosen.every((box) => "signs" in box.dataset) ? chosen.filter((box) => box.dataset.alone) : []);
const needsReason = (chosen, decision) => decision !== "approve" || chosen.length > 1 || chosen.some((box) => "required" in box.dataset);

const nameOf = (chosen) => {
  if (chosen.length === 1) return chosen[0].dataset.name;
  return chosen.length ? `${chosen.length} approvals` : "Go to a row of yours, or tick several";
};

const countOf = (chosen) => {
  const all = boxes().length;
  if (all === 1) return "Yours to decide:";
  if (ticked().length || !chosen.length) return `${chosen.length} selected of your ${all}:`;
  if ("signs" in chosen[0].dataset) return "Approving covers the whole conflict of:";
  return `Decides ${boxes().indexOf(chosen[0]) + 1} of your ${all}:`;
};

const render = () => {
  if (!bar()) return;
  const chosen = selected();
  const apart = apartOf(chosen);
  const one = chosen.length === 1 || (chosen.length && chosen.every((box) => "signs" in box.dataset)) ? chosen[0] : null;
  const counted = chosen.length - apart.length;
  part("count").textContent = countOf(chosen);
  part("name").textContent = nameOf(chosen);
  part("needs").textContent = SENDS[pending] ?? (one ? one.dataset.needs : "required for several");
  const narrowed = one && isNarrowed(one) ? ", narrowed" : "";
  part("label").textContent = one ? `${one.dataset.label}${narrowed}` : apart.length ? `Approve ${counted} of ${chosen.length}` : `Approve ${counted || ""}`.trim();
  part("approve").hidden = chosen.some((box) => "held" in box.dataset);
  part("warning").textContent = apart.map((box) => `${box.dataset.name} needs its own decision: ${box.dataset.alone}.`).join(" ");
  part("note").hidden = !apart.length && !part("rest");
  // A key of the row presses the bar. Where a reason is needed first, it leads there.
  const row = here() && rowOf(here());
  if (row) bar().dataset.rowsPart = row.id;
  const isPlain = chosen.length === 1 && chosen[0] === here() && !needsReason(chosen, "approve");
  part("approve").toggleAttribute("data-row-approve", isPlain && !part("approve").hidden);
  bar().reason.toggleAttribute("data-row-approve", !isPlain && !part("approve").hidden);
  for (const box of boxes()) rowOf(box).classList.toggle("record-selected", chosen.includes(box));
};

const say = (sentence) => {
  part("error").textContent = sentence;
  document.getElementById("reason-error").hidden = !sentence;
  if (sentence) bar().reason.setAttribute("aria-invalid", "true");
  else bar().reason.removeAttribute("aria-invalid");
  if (sentence) bar().reason.focus();
};

// What the server ticks for readers without scripts is the row where the others are.
const adopt = (keep = []) => {
  const drawn = ticked();
  if (drawn.length === 1 && !keep.length) current = drawn[0].dataset.key;
  if (drawn.length === 1 || keep.length) for (const box of boxes()) box.checked = keep.includes(box.dataset.key);
  render();
};

document.addEventListener("row:here", (event) => {
  const box = event.target.querySelector("[data-row-select][form=decision]");
  if (box && box.dataset.key !== current) pending = "approve";
  if (box) current = box.dataset.key;
  render();
});
document.addEventListener("change", render);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-decision] button[name=decision]");
  if (!button) return;
  if (event.detail > 1) return event.preventDefault(); // a double click is one press, and not one about the next row
  const isRest = button.value === "rest";
  const chosen = isRest ? boxes() : selected();
  if (needsReason(chosen, button.value) && !bar().reason.value.trim()) {
    event.preventDefault();
    pending = button.value;
    render();
    say(chosen.length > 1 ? SEVERAL : ONE);
    return;
  }
  say("");
  pending = "approve"; // a key that is pressed while the answer is on its way begins the next decision
  if (!isRest) for (const box of chosen) box.checked = true;
}, true);

document.addEventListener("keydown", (event) => {
  const decision = { a: "approve", r: "reject", c: "ask" }[event.key];
  if (decision && !isTyping(event.target)) {
    pending = decision;
    if (bar()) render();
  }
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.id !== "reason") return;
  event.preventDefault();
  bar().querySelector(`button[value=${pending}]`)?.click();
}, true);

// Whoever scrolls by touch is at the row that crosses a line above the middle of the window. A reason that is begun stays with its row.
let isTouched = false;
document.addEventListener("touchstart", () => { isTouched = true; }, { passive: true });
document.addEventListener("keydown", () => { isTouched = false; });
const line = new IntersectionObserver((entries) => {
  const row = entries.find((entry) => entry.isIntersecting)?.target;
  if (!isTouched || !row || bar()?.reason.value.trim()) return;
  current = row.querySelector("[data-row-select][form=decision]")?.dataset.key ?? current;
  pending = "approve";
  render();
}, { rootMargin: "-40% 0px -59% 0px" });
const height = new ResizeObserver(([entry]) => document.body.style.setProperty("--bottom-bar", `${entry.target.offsetHeight}px`));
const watch = () => {
  line.disconnect();
  height.disconnect();
  for (const box of boxes()) line.observe(rowOf(box));
  height.observe(document.getElementById("bar"));
};

// Another row's answer or an opened row changes neither what is ticked nor where the reader is.
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const sent = detail.requestConfig.formData?.getAll("approval") ?? [];
  const kept = ticked().filter((box) => !sent.includes(box.value)).map((box) => box.dataset.key);
  const stays = sent.length && here() && !sent.includes(here().value); // decided elsewhere, or still to be sent
  before = { keys: kept, current: stays ? current : "" };
});
document.addEventListener("htmx:afterSwap", () => {
  if (!before) return; // an answer has several parts
  adopt(before.keys);
  if (before.current && boxes().some((box) => box.dataset.key === before.current)) {
    current = before.current;
    for (const other of document.querySelectorAll("#rows [data-focus]")) delete other.dataset.focus;
    if (here()) rowOf(here()).dataset.focus = "";
  }
  before = null;
  render();
});
document.addEventListener("htmx:afterSettle", () => {
  render();
  watch();
});
adopt();
watch();
