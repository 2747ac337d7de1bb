// Moving through rows from the keyboard: j and k move, Enter opens, x selects, a r c decide, u takes that back, ? explains.
//
// data-rows            the list; data-row on each row, which takes the focus when it is gone to
// data-row-open        the link in a row that opens it; without one, its link of class row-name
// data-row-select      the checkbox of a row
// data-row-approve, -reject, -ask, -undo   the control that does it; a row without one ignores the key, and where it
//                      is a field, words are needed first: the cursor goes there
// data-rows-help       the id of a dialog that lists the keys, on the list
// data-rows-part       what stands beside the list about one row, whose id it names: its controls are that row's too
//
// A key presses the row's own control, so it can do nothing that a click can't.

const KEYS = { Enter: "open", x: "select", a: "approve", r: "reject", c: "ask", u: "undo" };
const lists = () => [...document.querySelectorAll("[data-rows]")];
const rows = () => lists().flatMap((list) => [...list.querySelectorAll("[data-row]")]);
const here = () => document.activeElement?.closest?.("[data-row]");
const typing = (element) => element?.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

const mark = (row) => {
  if (row.classList.contains("row-here")) return;
  for (const other of document.querySelectorAll(".row-here")) other.classList.remove("row-here");
  row.classList.add("row-here");
  row.dispatchEvent(new CustomEvent("row:here", { bubbles: true }));
};

const goTo = (row) => {
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  mark(row);
};

const move = (step) => {
  const all = rows();
  if (!all.length) return;
  const current = here() ?? document.querySelector(".row-here");
  const at = current ? all.indexOf(current) + step : step > 0 ? 0 : all.length - 1;
  goTo(all[Math.min(Math.max(at, 0), all.length - 1)]);
};

const partOf = (row) => document.querySelector(`[data-rows-part="${row.id}"]`);

const press = (row, action) => {
  const own = `[data-row-${action}]`;
  const name = action === "open" ? row.querySelector("a.row-name") : null;
  const control = row.querySelector(own) ?? partOf(row)?.querySelector(own) ?? name;
  if (typing(control)) control.focus();
  else control?.click();
  return Boolean(control);
};

// What was pressed at a row whose part is still on its way: it is done when that is there, unless another key came first.
let kept = null;

document.addEventListener("keydown", (event) => {
  kept = null;
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (!lists().length) return;
  if (event.key === "?") {
    const help = document.getElementById(lists()[0].dataset.rowsHelp ?? "");
    if (help) help.showModal();
    return;
  }
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
    return;
  }
  const action = KEYS[event.key];
  const row = here();
  if (!action || !row) return;
  // Enter on a link or a button inside the row is that control's own.
  if (event.key === "Enter" && event.target !== row) return;
  if (press(row, action)) event.preventDefault();
  else if (row.matches("[hx-get]") && !partOf(row)) kept = { row, action };
});

document.addEventListener("htmx:afterSettle", () => {
  count(); // of rows that came with an answer
  if (!kept || !partOf(kept.row)) return;
  if (here() === kept.row) press(kept.row, kept.action);
  kept = null;
});

// Where the focus is, the row is; a preview may follow it by listening to row:here.
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (row) mark(row);
});

// Selecting counts: [data-selected-count] shows how many, [data-when-selected] is hidden while none is. A checkbox with data-row-apart
// says by it why its row is decided by itself: [data-apart] shows that, [data-when-apart] is hidden while there is none, and
// [data-when-together] while nothing else is selected.
const count = () => {
  const selected = document.querySelectorAll("[data-row-select]:checked");
  for (const row of rows()) {
    const box = row.querySelector("[data-row-select]");
    if (box && row.matches("tr")) row.setAttribute("aria-selected", String(box.checked));
  }
  for (const place of document.querySelectorAll("[data-selected-count]")) place.textContent = String(selected.length);
  for (const place of document.querySelectorAll("[data-when-selected]")) place.hidden = selected.length === 0;
  const together = [...selected].filter((box) => !box.dataset.rowApart);
  const apart = [...selected].map((box) => box.dataset.rowApart).filter(Boolean);
  for (const place of document.querySelectorAll("[data-when-together]")) place.hidden = together.length === 0;
  for (const place of document.querySelectorAll("[data-when-apart]")) place.hidden = apart.length === 0;
  for (const place of document.querySelectorAll("[data-apart]")) place.textContent = apart.join("; ");
};
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-select-all]")) {
    for (const box of document.querySelectorAll("[data-row-select]")) box.checked = event.target.checked;
  }
  if (event.target.matches("[data-row-select], [data-select-all]")) count();
});
count();
