// The preview keeps itself up to date: after each answer the Submit button says whether something is missing. Without this script each
// save draws the page anew.

const missing = () => document.querySelectorAll("#missing [data-missing]").length > 0;

const follow = () => {
  const submit = document.querySelector("#preview button[value=submit]");
  if (submit) {
    submit.toggleAttribute("aria-disabled", false);
    if (missing()) {
      submit.setAttribute("aria-disabled", "true");
      submit.setAttribute("aria-describedby", "missing");
    } else {
      submit.removeAttribute("aria-describedby");
    }
  }
};

document.addEventListener("htmx:oobAfterSwap", follow);
document.addEventListener("htmx:afterSettle", follow);

// A connection of which nothing is left folds: what stands below it does not move, and the focus stays at it.
document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const name = detail.target;
  if (!name.matches(".connection-name:not([data-left])") || !detail.fragment.querySelector("[data-left]")) return;
  const section = name.closest(".connection");
  const bottom = section.getBoundingClientRect().bottom;
  const isHere = section.contains(document.activeElement);
  queueMicrotask(() => {
    window.scrollBy(0, section.getBoundingClientRect().bottom - bottom);
    if (isHere) section.querySelector(".connection-show input").focus({ preventScroll: true });
  });
});

// A link to what is missing puts the cursor there.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-missing]");
  const field = link && document.querySelector(link.hash);
  if (field?.matches("input, select, textarea")) {
    event.preventDefault();
    field.focus();
  }
});

// One reason for all connections: it fills the fields that are empty, and stays editable in each.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-spread]");
  if (!button) return;
  event.preventDefault();
  const given = button.parentElement.querySelector(".connection-reason");
  if (!given.value.trim()) {
    given.focus();
    return;
  }
  for (const field of document.querySelectorAll(".connection-reason")) if (!field.value.trim()) field.value = given.value;
  given.dispatchEvent(new Event("change", { bubbles: true }));
});

// After a refusal the first field with an error has the cursor.
document.querySelector("#preview [aria-invalid=true]")?.focus();
