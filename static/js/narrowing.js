// An approval that is narrower than what was asked says so on its button before it is pressed.
//
// data-narrowing       the form
// data-asked           on a radio button or checkbox that was part of what was asked: leaving it is narrower
// data-approve-word    the words of the button; data-narrowed-word: what they become

const isNarrowed = (form) => [...form.querySelectorAll("[data-asked]")].some((input) => !input.checked);

const relabel = (form) => {
  for (const word of form.querySelectorAll("[data-approve-word]")) {
    word.textContent = isNarrowed(form) ? word.dataset.narrowedWord : word.dataset.approveWord;
  }
};

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("[data-narrowing]");
  if (form) relabel(form);
});

const all = () => document.querySelectorAll("[data-narrowing]").forEach(relabel);
document.addEventListener("htmx:afterSettle", all);
all();
