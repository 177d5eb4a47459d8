// What every page shares: menus, copy buttons, dialogs, the search shortcut, and failures of partial updates.
// Listeners sit on the document, so that what htmx brings in later works without further ado.

export function announce(sentence) {
  const live = document.getElementById("live");
  if (!live) return;
  // Emptied first: the same sentence twice would otherwise be read only once.
  live.textContent = "";
  setTimeout(() => (live.textContent = sentence), 50);
}

// --- menus: <details class="menu"> opens by itself; Escape, arrows and a click outside are ours ----------------------

const openMenus = () => document.querySelectorAll("details.menu[open]");

function closeMenu(menu, { focus = true } = {}) {
  menu.open = false;
  if (focus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    // The sidebar is a popover on small screens: Escape closes the menu first, not both.
    event.preventDefault();
    event.stopPropagation();
    closeMenu(menu);
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1, Home: "first", End: "last" }[event.key];
  if (!step) return;
  const items = [...menu.querySelectorAll(".menu__item:not([disabled])")];
  if (!items.length) return;
  if (!menu.open) {
    if (typeof step !== "number") return;
    menu.open = true;
  }
  event.preventDefault();
  const here = items.indexOf(document.activeElement);
  let next;
  if (step === "first") next = 0;
  else if (step === "last") next = items.length - 1;
  else if (here < 0) next = step > 0 ? 0 : items.length - 1;
  else next = (here + step + items.length) % items.length;
  items[next].focus();
});

// --- copy: <button data-copy="#id"> or inside .copybox; data-copied is what it says afterwards ------------------------

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copybox button, [data-copy]");
  if (!button) return;
  const source = button.dataset.copy
    ? document.querySelector(button.dataset.copy)
    : button.closest(".copybox").querySelector("code");
  const done = await copy(source);
  say(button, done ? "Copied" : "Press Ctrl+C");
});

async function copy(source) {
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    return true;
  } catch {
    // No clipboard without https or permission: select it, and let the person press the keys.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return false;
  }
}

function say(button, word) {
  const label = button.querySelector("[data-label]") ?? button;
  if (label.dataset.word === undefined) label.dataset.word = label.textContent;
  label.textContent = word;
  announce(word);
  clearTimeout(button.copyTimer);
  button.copyTimer = setTimeout(() => (label.textContent = label.dataset.word), 2000);
}

// --- dialogs: <a href="/the/same/question/" data-dialog="id">, or command="show-modal" where the browser lacks it -----

const knowsCommands = "commandForElement" in HTMLButtonElement.prototype;

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (knowsCommands) return;
  const button = event.target.closest("button[commandfor]");
  const target = button && document.getElementById(button.getAttribute("commandfor"));
  if (button?.getAttribute("command") === "show-modal") target?.showModal();
  if (button?.getAttribute("command") === "close") target?.close();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

// --- "/" goes to the page's search ------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const search = document.querySelector('main input[type="search"]');
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// --- Enter in a field that has a button of its own: <input data-enter="id of the button"> ----------------------------

document.addEventListener("keydown", (event) => {
  const button = event.key === "Enter" && document.getElementById(event.target.dataset?.enter);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// --- a form that is being sent is not sent twice ----------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || (form.target && form.target !== "_self")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  // After the other listeners: one of them may send the form in its own way. And not for ever: loading may be stopped.
  setTimeout(() => {
    if (event.defaultPrevented) return;
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
});

addEventListener("pageshow", () => {
  // Back from the browser's cache: everything may be sent again.
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// --- partial updates --------------------------------------------------------------------------------------------------

document.addEventListener("htmx:beforeSwap", (event) => {
  // An error that names its own target (see SpecwayErrorMiddleware) is shown there; htmx would drop it.
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:sendError", () => flash("Specway did not answer. Check your network, then try again."));

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) return;
  flash(`Specway could not do this (${event.detail.xhr.status}). Reload the page to see how things stand.`);
});

export function flash(sentence) {
  const place = document.getElementById("flash");
  if (!place) return;
  const notice = document.createElement("div");
  notice.className = "notice notice--bad";
  const text = document.createElement("p");
  text.className = "notice__text";
  text.textContent = sentence;
  notice.append(text);
  place.replaceChildren(notice);
}
