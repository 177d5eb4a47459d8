// Shared by all pages: menus, copy buttons, dialogs, the search shortcut, and errors of partial updates.
// Listeners are on the document, so that content inserted by htmx works too.

export function announce(message) {
  const live = document.getElementById("live");
  if (!live) return;
  // Cleared first: screen readers announce only changes, and the message may be the same as before.
  live.textContent = "";
  setTimeout(() => (live.textContent = message), 50);
}

// Whether a key was pressed in a field. A field in a dialog that was just closed keeps the focus until the next frame, but
// it is not visible any more, so it does not count.
export function isTyping({ target }) {
  return Boolean(target.closest?.("input, textarea, select, [contenteditable]")?.checkVisibility());
}

// --- menus: <details class="menu"> opens without a script; Escape, arrow keys and clicks outside are handled here ----------------------

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
    // On small screens the sidebar is a popover: Escape closes the menu first, not both.
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
  const current = items.indexOf(document.activeElement);
  let next;
  if (step === "first") next = 0;
  else if (step === "last") next = items.length - 1;
  else if (current < 0) next = step > 0 ? 0 : items.length - 1;
  else next = (current + step + items.length) % items.length;
  items[next].focus();
});

// --- copy: <button data-copy="#id"> or inside .copybox; [data-label] is the text that changes ------------------------

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copybox button, [data-copy]");
  if (!button) return;
  const source = button.dataset.copy
    ? document.querySelector(button.dataset.copy)
    : button.closest(".copybox").querySelector("code");
  const done = await copy(source);
  confirmCopy(button, done ? "Copied" : "Press Ctrl+C");
});

async function copy(source) {
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    return true;
  } catch {
    // No clipboard access without https or permission: select the text for Ctrl+C.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return false;
  }
}

function confirmCopy(button, text) {
  const label = button.querySelector("[data-label]") ?? button;
  if (label.dataset.text === undefined) label.dataset.text = label.textContent;
  label.textContent = text;
  announce(text);
  clearTimeout(button.copyTimer);
  button.copyTimer = setTimeout(() => (label.textContent = label.dataset.text), 2000);
}

// --- dialogs: <a href="/the/same/form/" data-dialog="id">, and command="show-modal" for browsers without it -----

const supportsCommands = "commandForElement" in HTMLButtonElement.prototype;

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (supportsCommands) return;
  const button = event.target.closest("button[commandfor]");
  const target = button && document.getElementById(button.getAttribute("commandfor"));
  if (button?.getAttribute("command") === "show-modal") target?.showModal();
  if (button?.getAttribute("command") === "close") target?.close();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

// --- "/" focuses the page's search ------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event) || document.querySelector("dialog[open]")) return;
  const search = document.querySelector('main input[type="search"]');
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// --- Enter in a field with its own button: <input data-enter="id of the button"> ----------------------------

document.addEventListener("keydown", (event) => {
  const button = event.key === "Enter" && document.getElementById(event.target.dataset?.enter);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// --- a form is not submitted twice ----------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || (form.target && form.target !== "_self")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  // After the other listeners, which may cancel the submission. Only for 5 seconds: the person may stop loading.
  setTimeout(() => {
    if (event.defaultPrevented) return;
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
});

addEventListener("pageshow", () => {
  // Restored from the back/forward cache: forms may be submitted again.
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// --- partial updates --------------------------------------------------------------------------------------------------

document.addEventListener("htmx:beforeSwap", (event) => {
  // htmx drops error responses; those with a target (see SpecwayErrorMiddleware) are swapped in.
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:sendError", () => flash("Specway did not respond. Check your network connection and try again."));

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) return;
  flash(`Specway could not complete the request (error ${event.detail.xhr.status}). Reload the page to see the current state.`);
});

export function flash(message) {
  const container = document.getElementById("flash");
  if (!container) return;
  const notice = document.createElement("div");
  notice.className = "notice notice--bad";
  const text = document.createElement("p");
  text.className = "notice__text";
  text.textContent = message;
  notice.append(text);
  container.replaceChildren(notice);
}
