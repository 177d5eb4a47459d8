// Try an action: selects a connection that was just created or repaired, and keeps the request being saved.

import { announce, flash } from "./app.js";

const STORAGE_KEY = "specway-try";
const FIELDS = ["method", "path", "query", "headers", "body"];
const dialogs = document.getElementById("dialogs");

// --- connecting without leaving the page ------------------------------------------------------------------------------

document.addEventListener("submit", ({ target: form }) => {
  // The card on the page shows the progress; the dialog keeps the selection for another attempt.
  if (form.matches("dialog [data-connect]")) form.closest("dialog").close();
  if (form.matches("[data-connecting] form:not([data-card], [data-connect])")) saveRequest();
}, true);

document.body.addEventListener("specway:connected", ({ detail: { connection } }) => {
  document.querySelector("dialog[open]")?.close();
  const work = document.getElementById("work");
  if (!work) return;
  const url = new URL(work.dataset.url, location.href);
  url.searchParams.set("connection", connection);
  const address = url.pathname + url.search;
  // Replace only the picker if there is a request form, so that its fields are kept; else everything.
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

// --- canceling: if the browser disconnects, Specway cancels the request to the service --------------------------------------------

const cancel = () => document.getElementById("request") && htmx.trigger("#request", "htmx:abort");

document.addEventListener("click", ({ target }) => target.closest?.("[data-cancel]") && cancel());

// Browsers that keep the page in the back/forward cache would not cancel the request.
addEventListener("pagehide", cancel);

document.addEventListener("htmx:beforeRequest", ({ target }) => {
  // The message of the last attempt is outdated.
  if (target.id === "request") document.getElementById("flash")?.replaceChildren();
});

document.addEventListener("htmx:sendAbort", () => {
  document.querySelector("#request [type=submit]")?.focus();
  flash("Canceled. The service may have received the request anyway, so check there before you send it again.");
});

// --- connecting in this tab if the window was blocked -------------------------------------------------------------

function saveRequest() {
  const form = document.getElementById("request");
  const saved = Object.fromEntries(FIELDS.map((name) => [name, form?.elements[name]?.value ?? ""]));
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(saved));
}

function restoreRequest() {
  const saved = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  const form = document.getElementById("request");
  sessionStorage.removeItem(STORAGE_KEY);
  if (!saved || !form?.elements.path) return;
  for (const name of FIELDS) form.elements[name].value = saved[name];
  if (saved.query || saved.headers) form.querySelector("details").open = true;
  announce("Your request was restored.");
}

restoreRequest();
