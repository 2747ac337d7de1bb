// A file that is dropped on the zone is the file that was chosen; the form is then sent.
//
// data-drop             the zone, with one input type="file" in it
// data-drop-sends       on the zone: send its form once there is a file

for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("drop-over", on);
  };
  zone.addEventListener("dragenter", over(true));
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  input.addEventListener("change", () => {
    if (input.files.length && "dropSends" in zone.dataset) input.form.requestSubmit();
  });
}
