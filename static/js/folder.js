// A folder, or more files than one request takes, goes up in parts, one after the other; then the upload's own page opens.
//
// data-folder            on a form with a field for the token, and maybe one for the team
//   data-add             where a part is posted
//   data-most-files, data-most-bytes   what one part may hold
//   data-few             so many files, and no folder, are left to the form itself; absent: none are
//   data-batch           the upload that is added to; empty for a new one
// data-folder-drop       where things are dropped; data-folder-files and data-folder-input, where they are chosen
// data-folder-progress, -bar, -words, -alert, -trouble   where it says how far it is, and what went wrong
//
// Without scripts a few files at a time are sent by the form, as ever.

// What is never walked, and what is sent of a folder: the rest of it is no export.
const NOT_WALKED = new Set([".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv"]);
const SENT = /\.jsonc?$/i;
const counted = (number, thing) => `${number.toLocaleString("en-GB")} ${thing}${number === 1 ? "" : "s"}`;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// A refusal in the server's own words; whatever else goes wrong may pass, and is tried again.
class Refused extends Error {}
// The server reads other imports: it says when to try again. After so many times somebody should look.
class Busy extends Refused {}
const BUSY_TIMES = 60;

// Everything below dropped entries, as {path, file}; a folder tells its entries a hundred at a time.
const readAll = (reader) => new Promise((done, failed) => reader.readEntries(done, failed));
const walk = async (entry, path, found) => {
  if (entry.isFile) {
    found.push({ path: path + entry.name, file: await new Promise((done, failed) => entry.file(done, failed)) });
    return;
  }
  if (NOT_WALKED.has(entry.name)) return;
  const reader = entry.createReader();
  for (let some = await readAll(reader); some.length; some = await readAll(reader)) {
    for (const one of some) await walk(one, `${path}${entry.name}/`, found);
  }
};
const chosen = (files) => [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
const isWalked = ({ path }) => !path.split("/").slice(0, -1).some((folder) => NOT_WALKED.has(folder));

// Parts that a request can hold, in the order of their names, so that the same folder makes the same parts again.
const parts = (found, most) => {
  const made = [[]];
  let bytes = 0;
  for (const one of found) {
    const size = one.file.size + 512;
    if (made.at(-1).length >= most.files || (bytes + size > most.bytes && made.at(-1).length)) {
      made.push([]);
      bytes = 0;
    }
    made.at(-1).push(one);
    bytes += size;
  }
  return made.filter((part) => part.length);
};

class Sending {
  constructor(form) {
    this.form = form;
    this.batch = form.dataset.batch;
    this.href = "";
    this.most = { files: Number(form.dataset.mostFiles), bytes: Number(form.dataset.mostBytes) };
  }

  find(name) {
    return this.form.querySelector(`[data-folder-${name}]`);
  }

  say(words, done, total) {
    this.find("progress").hidden = false;
    this.find("bar").max = Math.max(total, 1);
    this.find("bar").value = done;
    this.find("words").textContent = words;
  }

  trouble(sentence, toDo) {
    const note = this.find("trouble").content.cloneNode(true);
    note.querySelector("[data-sentence]").textContent = sentence;
    note.querySelector("[data-to-do]").textContent = toDo;
    if (this.href) {
      const link = document.createElement("a");
      link.href = this.href;
      link.textContent = "Open what was read";
      note.querySelector("[data-to-do]").append(" ", link);
    }
    this.find("alert").replaceChildren(note);
  }

  async post(part, large = []) {
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "team"]) {
      const field = this.form.elements.namedItem(name);
      if (field) body.append(name, field.value);
    }
    if (this.batch) body.append("batch", this.batch);
    for (const { path, file } of part) {
      body.append("files", file, file.name);
      body.append("paths", path);
    }
    for (const { path } of large) body.append("large", path);
    const answer = await fetch(this.form.dataset.add, { method: "POST", body, redirect: "error" });
    if (answer.ok) return answer.json();
    const said = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : null;
    const wait = Number(answer.headers.get("Retry-After"));
    if (said) throw Object.assign(new (wait ? Busy : Refused)(`${said.sentence} ${said.to_do}`.trim()), { wait, sentence: said.sentence });
    throw new Error(String(answer.status));
  }

  async patiently(part, large) {
    const words = this.find("words");
    for (let times = 1; ; times += 1) {
      try {
        return await this.post(part, large);
      } catch (error) {
        if (!(error instanceof Busy) || times >= BUSY_TIMES) throw error;
        words.textContent = `${error.sentence} This folder goes on by itself.`;
        await pause(1000 * error.wait);
      }
    }
  }

  async insist(part, large) {
    try {
      return await this.patiently(part, large);
    } catch (error) {
      if (error instanceof Refused) throw error;
      await pause(1000);
      return this.patiently(part, large);
    }
  }

  async all(found, leftOut) {
    const all = [...found].sort((one, other) => (one.path < other.path ? -1 : 1));
    const large = all.filter(({ file }) => file.size + 512 > this.most.bytes);
    const sent = parts(all.filter((one) => !large.includes(one)), this.most);
    const total = all.length;
    const sum = { done: 0, read: 0, refused: 0, again: 0 };
    const warn = (event) => event.preventDefault();
    const aside = leftOut ? ` ${counted(leftOut, "other file")} of the folder left out.` : "";
    window.addEventListener("beforeunload", warn);
    this.form.toggleAttribute("data-sending", true);
    try {
      this.say(`Reading ${counted(total, "file")}.${aside}`, 0, total);
      const begun = this.batch ? null : await this.insist([], []);
      if (begun) [this.batch, this.href] = [String(begun.pk), begun.batch];
      for (const [part, big] of [...sent.map((part) => [part, []]), ...(large.length ? [[[], large]] : [])]) {
        const came = await this.insist(part, big);
        this.href = came.batch;
        sum.done += part.length + big.length;
        for (const name of ["read", "refused", "again"]) sum[name] += came[name];
        const rest = [
          `${counted(sum.read, "automation")} read`,
          ...(sum.refused ? [`${counted(sum.refused, "file")} not`] : []),
          ...(sum.again ? [`${sum.again.toLocaleString("en-GB")} there already`] : []),
        ];
        this.say(`${sum.done.toLocaleString("en-GB")} of ${counted(total, "file")}: ${rest.join(", ")}.${aside}`, sum.done, total);
      }
      window.removeEventListener("beforeunload", warn);
      location.assign(this.href);
    } catch (error) {
      const far = `${sum.done.toLocaleString("en-GB")} of ${counted(total, "file")} were read.`;
      if (error instanceof Refused) this.trouble(error.message, far);
      else this.trouble(`It broke off: ${far}`, "Drop the folder on its upload's page once more: it goes on, and nothing is added twice.");
    } finally {
      window.removeEventListener("beforeunload", warn);
      this.form.toggleAttribute("data-sending", false);
    }
  }
}

for (const form of document.querySelectorAll("form[data-folder]")) {
  const zone = form.querySelector("[data-folder-drop]");
  const input = form.querySelector("[data-folder-files]");
  const folder = form.querySelector("[data-folder-input]");
  const few = Number(form.dataset.few ?? -1);
  form.hidden = false;
  form.querySelector("[data-folder-choice]").hidden = !("webkitdirectory" in folder);

  const isMany = (files) => files.length > few || [...files].reduce((sum, file) => sum + file.size, 0) > Number(form.dataset.mostBytes);
  const send = (found, isFolder) => {
    if (form.hasAttribute("data-sending")) return;
    const sending = new Sending(form);
    sending.find("alert").replaceChildren();
    const wanted = isFolder ? found.filter((one) => isWalked(one) && SENT.test(one.path)) : found;
    if (!wanted.length) sending.trouble("There is no export in this folder.", "Exports are files that end in .json.");
    else sending.all(wanted, found.length - wanted.length);
  };

  folder.addEventListener("change", () => {
    if (folder.files.length) send(chosen(folder.files), true);
  });

  // Before anybody else hears of it: a folder is no file of a form, and many are more than it can send.
  zone.addEventListener(
    "drop",
    async (event) => {
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      const hasFolder = entries.some((entry) => entry.isDirectory);
      if (!hasFolder && !isMany(event.dataTransfer.files)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      zone.classList.remove("drop-over");
      const found = [];
      for (const entry of entries) await walk(entry, "", found);
      send(found, hasFolder);
    },
    { capture: true },
  );

  if (few < 0) {
    // A form that only the script can send.
    for (const [name, on] of [["dragenter", true], ["dragover", true], ["dragleave", false]]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.toggle("drop-over", on);
      });
    }
    input.addEventListener("change", () => {
      if (input.files.length) send(chosen(input.files), false);
    });
  }
  form.addEventListener("submit", (event) => {
    if (few >= 0 && !isMany(input.files)) return;
    event.preventDefault();
    if (input.files.length) send(chosen(input.files), false);
  });
}
