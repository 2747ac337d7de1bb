// Warns of a secret while free text is typed. The portal judges it and keeps nothing; exports and policy texts have their own check.
//
// data-check-text on <body>   where the text is sent
//
// An answer that does not come disturbs nobody: the portal judges the text again when it is saved.

const isFreeText = (field) => field.matches?.("textarea:not([name=pasted], .mono)");

const judged = async (text) => {
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const answer = await fetch(document.body.dataset.checkText, { method: "POST", headers, body: new URLSearchParams({ text }), redirect: "error" });
  return answer.ok ? (await answer.text()).trim() : "";
};

const show = (field, warning) => {
  const id = `${field.id}-secret`;
  let note = document.getElementById(id);
  if (!note && !warning) return;
  if (!note) {
    note = document.createElement("p");
    note.id = id;
    note.className = "field-error";
    note.setAttribute("role", "status");
    field.after(note);
  }
  note.innerHTML = warning;
};

document.addEventListener("change", async ({ target: field }) => {
  if (!document.body.dataset.checkText || !field.id || !isFreeText(field)) return;
  try {
    show(field, await judged(field.value));
  } catch {
    show(field, "");
  }
});
