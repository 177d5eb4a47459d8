// Settings → Integrations: keeps the list up to date and its selection in place, and shows the disconnect dialog.

const SHORTEST_DELAY = 5_000;
const LONGEST_DELAY = 60_000;
const list = document.getElementById("connections");
const dialogs = document.getElementById("dialogs");
let updating = false;
let delay = SHORTEST_DELAY;
let timer;

// --- polling ----------------------------------------------------------------------------------------------------------

// The list does not change while a menu or dialog is open.
const isBusy = () => Boolean(list.querySelector("details[open], .htmx-request") || document.querySelector("dialog[open]"));

const version = () => list.querySelector("[data-version]")?.dataset.version ?? "";

// With the version of the list, the server returns no content if nothing has changed.
async function update({ created = "", version = "" } = {}) {
  if (updating) return;
  updating = true;
  const url = new URL(list.dataset.url, location.href);
  if (created) url.searchParams.set("new", created);
  if (version) url.searchParams.set("version", version);
  try {
    await htmx.ajax("GET", url.pathname + url.search, { source: list, target: list, swap: "innerHTML" });
  } finally {
    updating = false;
  }
}

async function poll() {
  const before = version();
  if (!document.hidden && !isBusy()) await update({ version: before });
  // Polls slow down while nothing changes, and stop while the page is hidden.
  delay = before === version() ? Math.min(delay * 1.5, LONGEST_DELAY) : SHORTEST_DELAY;
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(poll, delay);
}

schedule();

document.addEventListener("visibilitychange", () => {
  delay = SHORTEST_DELAY;
  if (document.hidden) clearTimeout(timer);
  else poll();
});

list.addEventListener("htmx:afterRequest", ({ target }) => {
  if (!target.closest?.("[data-reloads]")) return;
  target.closest("details").open = false;
  delay = SHORTEST_DELAY;
  update();
});

document.body.addEventListener("specway:connected", (event) => update({ created: event.detail.connection }));

// A poll that fails is not reported: the next one may succeed.
list.addEventListener("htmx:sendError", (event) => event.detail.elt === list && event.stopPropagation());

// --- selection ------------------------------------------------------------------------------------------------------------

const form = document.querySelector("[data-selection]");
const selectAll = form.querySelector("[data-select-all]");
const boxes = () => [...list.querySelectorAll("input.box")];
let selected = [];

list.addEventListener("htmx:beforeSwap", () => {
  selected = boxes().filter((box) => box.checked).map((box) => box.value);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const box of boxes()) if (selected.includes(box.value)) box.checked = true;
  count();
});

function count() {
  const all = boxes();
  const checked = all.filter((box) => box.checked).length;
  selectAll.checked = checked > 0 && checked === all.length;
  selectAll.indeterminate = checked > 0 && checked < all.length;
  const everything = form.querySelector("[data-all]");
  for (const box of [...all, selectAll]) box.disabled = Boolean(everything?.checked);
  const chosen = everything?.checked ? everything.labels[0].textContent.trim() : `${checked} of ${all.length} selected`;
  form.querySelector("[data-selected]").textContent = chosen;
}

form.addEventListener("change", (event) => {
  if (event.target === selectAll) for (const box of boxes()) box.checked = selectAll.checked;
  count();
});

form.addEventListener("reset", () => setTimeout(count));

// --- filters apply on change; without a script there is a button ----------------------------------------------------------

document.querySelector("[data-filters]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

// --- the disconnect dialog ---------------------------------------------------------------------------------

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
