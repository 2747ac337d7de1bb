// The keys 1 to 5 press an answer of the recertification that is shown.
//
// data-answer-key="1"   on the button that gives the answer

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  if (!/^[1-5]$/.test(event.key)) return;
  const button = document.querySelector(`[data-answer-key="${event.key}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
