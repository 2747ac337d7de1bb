// An answer that is no part of the page (an error, a sign-in that ended, no answer at all) is said in words under the top bar.
//
// The page around it stays as it is, so nothing typed is lost. What the portal itself refuses comes as a note of its own and is shown
// where it belongs; it is left alone here.

const SAID = {
  signedOut: ["Your sign-in has ended.", "Sign in again in another tab, then reload this page."],
  unreachable: ["The portal did not answer.", "Whether this was done is not known: reload the page to see. What you typed is still here."],
  400: ["This could not be read, so nothing was changed.", "Reload the page and try again."],
  403: ["This was not accepted, so nothing was changed.", "Reload the page and try again."],
  404: ["This is not here any more, or not yours to see.", "Reload the page to see what there is."],
  413: ["This is more than is taken at once, so nothing was changed.", "Send less."],
  429: ["That was too often in a short time.", "Wait a minute and try again."],
  other: ["Something went wrong, and this was not done.", "Try again; if it stays so, tell whoever runs the portal."],
};

const say = ([sentence, toDo]) => {
  const region = document.getElementById("refusal");
  const drawn = document.getElementById("failed")?.content.firstElementChild.cloneNode(true);
  if (!region || !drawn) return;
  drawn.querySelector("[data-sentence]").textContent = sentence;
  drawn.querySelector("[data-to-do]").textContent = toDo;
  region.replaceChildren(drawn);
  region.scrollIntoView({ block: "nearest" });
  drawn.focus({ preventScroll: true });
};

const isPage = (text) => /^\s*<!doctype/i.test(text ?? "");
const isSignIn = (xhr) => xhr.responseURL && new URL(xhr.responseURL).pathname.startsWith("/account/");

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  const { xhr } = detail;
  if (!isPage(xhr.responseText) || detail.target === document.body) return;
  const endedSignIn = isSignIn(xhr) && !location.pathname.startsWith("/account/");
  if (xhr.status < 400 && !endedSignIn) return;
  detail.shouldSwap = false;
  if (!detail.isError) say(endedSignIn ? SAID.signedOut : (SAID[xhr.status] ?? SAID.other));
});

document.addEventListener("htmx:responseError", ({ detail }) => say(SAID[detail.xhr.status] ?? SAID.other));
for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, () => say(SAID.unreachable));
// Where a refusal should stand is gone from the page: what it said is not lost with it.
for (const name of ["htmx:targetError", "htmx:swapError"]) document.addEventListener(name, () => say(SAID.other));

// What went wrong before is over once something is answered.
document.addEventListener("htmx:afterSwap", () => document.querySelector("#refusal > [data-failed]")?.remove());
