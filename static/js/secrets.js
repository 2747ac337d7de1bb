// Warns of a secret while free text is typed. The portal judges it and keeps nothing; exports and policy texts have their own check.
//
// data-check-text on <body>   where the text is sent

const isFreeText = (field) => field.matches?.("textarea:not([name=pasted], .mono)");

const noteOf = (field) => {
  const id = `${field.id}-secret`;
  const known = document.getElementById(id);
  if (known) return known;
  const note = document.createElement("p");
  note.id = id;
  note.className = "field-error";
  note.setAttribute("role", "status");
  field.after(note);
  return note;
};

document.addEventListener("change", (event) => {
  const field = event.target;
  const url = document.body.dataset.checkText;
  if (!url || !field.id || !isFreeText(field)) return;
  window.htmx.ajax("POST", url, { target: noteOf(field), swap: "innerHTML", values: { text: field.value } });
});
