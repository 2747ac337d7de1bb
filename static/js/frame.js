// What every page has: the theme switch, the sidebar, toasts, "/" for search, focus after a swap, dialogs, forms that send themselves.
// Everything here is a convenience: each link and form works without it.

const typing = (element) => element?.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

// Theme: data-theme-switch is hidden until this script can serve it.
const remember = (theme) => {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.bsTheme;
  else root.dataset.bsTheme = theme;
  try {
    if (theme === "auto") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // The choice then lasts as long as the page.
  }
};

for (const box of document.querySelectorAll("[data-theme-switch]")) {
  box.hidden = false;
  const current = document.documentElement.dataset.bsTheme ?? "auto";
  for (const input of box.querySelectorAll("input")) input.checked = input.value === current;
  box.addEventListener("change", (event) => remember(event.target.value));
}

// Sidebar: the button folds it to icons, which is remembered. On a phone it is a popover: the focus goes in, and returns to the button.
const fold = document.querySelector("[data-fold]");
const side = document.getElementById("main-nav");
const showFolded = () => fold.setAttribute("aria-expanded", String(document.documentElement.dataset.side !== "folded"));
if (fold) {
  showFolded();
  fold.addEventListener("click", () => {
    const isFolded = document.documentElement.dataset.side === "folded";
    if (isFolded) delete document.documentElement.dataset.side;
    else document.documentElement.dataset.side = "folded";
    try {
      localStorage.setItem("side", isFolded ? "open" : "folded");
    } catch {
      // It then stays so as long as the page.
    }
    showFolded();
  });
  side.addEventListener("toggle", (event) => {
    if (event.newState === "open") (side.querySelector("a[aria-current]") ?? side.querySelector("a")).focus();
    else if (document.activeElement.matches("body, #main")) document.querySelector(".burger").focus(); // a press beside it
  });
  side.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !side.contains(event.relatedTarget) && side.matches(":popover-open")) side.hidePopover();
  });
}

// Toasts: those that came with the page are put in again, because a region announces only what it gets. data-dismiss closes one.
const toasts = document.getElementById("toasts");
requestAnimationFrame(() => toasts?.append(...toasts.querySelectorAll("[data-toast]")));
document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove());

// "/" puts the cursor into the search field, Escape leaves it.
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-search]");
  if (!search) return;
  if (event.key === "Escape" && event.target === search) search.blur();
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  event.preventDefault();
  if (search.offsetParent) search.select();
  else location.assign(search.form.action);
});

// On a phone the tabs are a strip: the one that is open is in sight.
for (const tab of document.querySelectorAll(".tabs a[aria-current]")) tab.parentElement.scrollLeft = tab.offsetLeft - 16;

// After a swap the focus goes to what the answer marks with data-focus, else it stays where htmx left it. Whoever types elsewhere
// goes on typing: what they type next would be keys that decide.
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.detail.elt;
  const next = part.matches?.("[data-focus]") ? part : (part.querySelector?.("[data-focus]") ?? null);
  const field = typing(document.activeElement);
  const sent = event.detail.requestConfig?.elt;
  const isOfSent = sent?.matches("form") && field?.id && sent.querySelector(`#${CSS.escape(field.id)}`);
  if (next && (!field || isOfSent)) next.focus({ preventScroll: false });
});

// The title of the window says a state: a part that changes it carries the new one.
document.addEventListener("htmx:afterSettle", () => {
  const title = document.querySelector("[data-title]")?.dataset.title;
  if (title) document.title = `${title} · Countersign`;
});

// A list of problems above a form puts the cursor into the first wrong field; its links lead to the others.
const wrong = document.querySelector("[data-problems] a[href^='#']");
if (wrong) document.getElementById(wrong.hash.slice(1))?.focus();

// An error goes when its field is filled.
document.addEventListener("input", ({ target }) => {
  if (target.getAttribute?.("aria-invalid") !== "true" || !target.value.trim()) return;
  target.removeAttribute("aria-invalid");
  for (const id of (target.getAttribute("aria-describedby") ?? "").split(" ")) if (/[-_]error$/.test(id)) document.getElementById(id)?.setAttribute("hidden", "");
});

// data-opens="id" opens a dialog, data-closes closes the one around it; a click on the backdrop closes it too.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (event.target.closest("[data-closes]") || event.target.matches("dialog[open]")) event.target.closest("dialog")?.close();
});

// data-autosubmit: a filter form sends itself when a choice changes, and words after a pause. Its button is then not needed.
for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  for (const button of form.querySelectorAll("[data-without-script]")) button.hidden = true;
  let pause;
  form.addEventListener("change", (event) => {
    if (event.target.type !== "search") form.requestSubmit(); // words are sent by the pause or by Enter
  });
  form.addEventListener("input", (event) => {
    clearTimeout(pause);
    if (event.target.type === "search") pause = setTimeout(() => form.requestSubmit(), 400);
  });
  // Sent once: a second answer would replace the rows under whoever is among them already.
  form.addEventListener("submit", () => clearTimeout(pause));
}
