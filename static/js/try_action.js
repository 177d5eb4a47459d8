// Try an action: what is connected or repaired meanwhile stands in the picker, chosen, and nothing that was written is lost.

import { announce, flash } from "./app.js";

const KEPT = "specway-try";
const FIELDS = ["method", "path", "query", "headers", "body"];
const dialogs = document.getElementById("dialogs");

// --- connecting without leaving the page ------------------------------------------------------------------------------

document.addEventListener("submit", ({ target: form }) => {
  // The card in the page tells from here on; what was ticked stays in the dialog for another try.
  if (form.matches("dialog [data-connect]")) form.closest("dialog").close();
  if (form.matches("[data-connecting] form:not([data-card], [data-connect])")) keep();
}, true);

document.body.addEventListener("specway:connected", ({ detail: { connection } }) => {
  document.querySelector("dialog[open]")?.close();
  const work = document.getElementById("work");
  if (!work) return;
  const url = new URL(work.dataset.again, location.href);
  url.searchParams.set("connection", connection);
  const address = url.pathname + url.search;
  // Only the picker and what belongs to it where a request is being written; all where there was nothing to send through.
  if (!document.getElementById("try-base")) {
    htmx.ajax("GET", address, { target: "#work", select: "#work", swap: "outerHTML" });
  } else {
    htmx.ajax("GET", address, { source: "#again", target: "#picker", select: "#picker", swap: "outerHTML" });
  }
});

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-dismiss]")) document.querySelector("#picker input:checked")?.focus();
});

dialogs?.addEventListener("htmx:afterSwap", () => {
  const dialog = dialogs.querySelector("dialog");
  if (!dialog || dialog.open) return;
  dialog.showModal();
  dialog.addEventListener("close", () => dialogs.replaceChildren());
});

// --- calling off: with the browser gone, Specway hangs up at the service --------------------------------------------

const callOff = () => document.getElementById("request") && htmx.trigger("#request", "htmx:abort");

document.addEventListener("click", ({ target }) => target.closest?.("[data-cancel]") && callOff());

// A browser that keeps the page for its Back button would let the request go on.
addEventListener("pagehide", callOff);

document.addEventListener("htmx:beforeRequest", ({ target }) => {
  // What the last attempt had to say is overtaken by this one.
  if (target.id === "request") document.getElementById("flash")?.replaceChildren();
});

document.addEventListener("htmx:sendAbort", () => {
  document.querySelector("#request [type=submit]")?.focus();
  flash("Canceled. The request may have reached the service all the same: look there before you send it again.");
});

// --- connecting in this tab, where the window was blocked -------------------------------------------------------------

function keep() {
  const form = document.getElementById("request");
  const written = Object.fromEntries(FIELDS.map((name) => [name, form?.elements[name]?.value ?? ""]));
  sessionStorage.setItem(KEPT, JSON.stringify(written));
}

function bringBack() {
  const written = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  const form = document.getElementById("request");
  sessionStorage.removeItem(KEPT);
  if (!written || !form?.elements.path) return;
  for (const name of FIELDS) form.elements[name].value = written[name];
  if (written.query || written.headers) form.querySelector("details").open = true;
  announce("What you wrote is here again.");
}

bringBack();
