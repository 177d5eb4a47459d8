// Settings → Integrations: keeps the list up to date and its selection in place, and shows the disconnect dialog.

const EVERY = 5000;
const list = document.getElementById("connections");
const dialogs = document.getElementById("dialogs");
let updating = false;

// --- polling ----------------------------------------------------------------------------------------------------------

// The list does not change while a menu or dialog is open.
const isBusy = () => Boolean(list.querySelector("details[open], .htmx-request") || document.querySelector("dialog[open]"));

async function update(created = "") {
  if (updating) return;
  updating = true;
  const url = new URL(list.dataset.url, location.href);
  if (created) url.searchParams.set("new", created);
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
  form.querySelector("[data-selected]").textContent = `${checked} of ${all.length} selected`;
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
