// Settings → Integrations: keeps the list up to date, its ticks in place, and asks before a disconnect.

const EVERY = 5000;
const list = document.getElementById("connections");
const dialogs = document.getElementById("dialogs");
let updating = false;

// --- up to date by itself ---------------------------------------------------------------------------------------------

// Nothing moves under the hand of somebody who has a menu or a question open.
const isBusy = () => Boolean(list.querySelector("details[open], .htmx-request") || document.querySelector("dialog[open]"));

async function update(newcomer = "") {
  if (updating) return;
  updating = true;
  const url = new URL(list.dataset.url, location.href);
  if (newcomer) url.searchParams.set("new", newcomer);
  try {
    await htmx.ajax("GET", url.pathname + url.search, { source: list, target: list, swap: "innerHTML" });
  } finally {
    updating = false;
  }
}

setInterval(() => {
  if (!document.hidden && !isBusy()) update();
}, EVERY);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !isBusy()) update();
});

document.body.addEventListener("specway:connected", (event) => update(event.detail.connection));

// A poll that finds no network says nothing: the next one may.
list.addEventListener("htmx:sendError", (event) => event.detail.elt === list && event.stopPropagation());

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  const asked = new URL(pathInfo?.requestPath ?? xhr.responseURL, location.href).pathname;
  if (new URL(xhr.responseURL).pathname === asked) return;
  // The session ended: what came is the login page, which belongs in the whole window.
  event.detail.shouldSwap = false;
  location.reload();
});

// --- ticks ------------------------------------------------------------------------------------------------------------

const form = document.querySelector("[data-selection]");
const selectAll = form.querySelector("[data-select-all]");
const boxes = () => [...list.querySelectorAll("input.box")];
let ticked = [];

list.addEventListener("htmx:beforeSwap", () => {
  ticked = boxes().filter((box) => box.checked).map((box) => box.value);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const box of boxes()) if (ticked.includes(box.value)) box.checked = true;
  count();
});

function count() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  selectAll.checked = chosen > 0 && chosen === all.length;
  selectAll.indeterminate = chosen > 0 && chosen < all.length;
  form.querySelector("[data-selected]").textContent = `${chosen} of ${all.length} selected`;
}

form.addEventListener("change", (event) => {
  if (event.target === selectAll) for (const box of boxes()) box.checked = selectAll.checked;
  count();
});

form.addEventListener("reset", () => setTimeout(count));

// --- filters as one goes; without a script there is a button ----------------------------------------------------------

document.querySelector("[data-filters]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

// --- the question before a disconnect ---------------------------------------------------------------------------------

dialogs.addEventListener("htmx:afterSwap", () => {
  const dialog = dialogs.querySelector("dialog");
  const opener = document.querySelector("details.menu[open] > summary");
  if (opener) opener.parentElement.open = false;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialogs.replaceChildren();
    opener?.focus();
  });
});
