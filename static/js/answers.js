// The recertification that is shown, from the keyboard: 1 to 4 press an answer, e opens the comments from its approval, j and k go to
// the next and the previous card of the list.
//
// data-card             on the links of the list; the shown one has aria-current
// data-answer-key="1"   on the button that gives the answer
// data-looks            a field of the form: how often what stands behind the item was opened before it was answered

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  if (event.key === "e") return document.querySelector("#item .card-said > summary")?.click();
  if (event.key === "j" || event.key === "k") {
    const cards = [...document.querySelectorAll("[data-card]")];
    const at = cards.findIndex((card) => card.hasAttribute("aria-current")) + (event.key === "j" ? 1 : -1);
    return cards[Math.max(at, 0)]?.click();
  }
  if (!/^[1-4]$/.test(event.key)) return;
  const button = document.querySelector(`[data-answer-key="${event.key}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

const looks = () => document.querySelector("[data-looks]");

// A link or a summary of the card, by whichever key or button of the mouse.
const look = (event) => {
  const field = looks();
  if (field && event.target.closest?.("#item > section a[href], #item summary")) field.value = Number(field.value) + 1;
};
document.addEventListener("click", look);
document.addEventListener("auxclick", look);

// With a script, nothing opened is none; without one it is not known.
document.addEventListener("click", (event) => {
  const field = event.target.closest?.("[data-answer-key]") && looks();
  if (field && !field.value) field.value = 0;
}, true);
