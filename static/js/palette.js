// The command palette (Ctrl K or ⌘ K) and the list of keys (?). A combobox with a listbox, after the ARIA pattern.

import { isTyping } from "./app.js";

const palette = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const status = document.getElementById("palette-status");
const DELAY = 150;
let timer;
let latest = 0;

const options = () => [...list.querySelectorAll('[role="option"]')];
const selected = () => list.querySelector('[aria-selected="true"]');

function open() {
  if (palette.open || document.querySelector("dialog:modal")) return;
  document.querySelector("#sidebar:popover-open")?.hidePopover();
  input.value = "";
  palette.showModal();
  input.focus();
  load();
}

async function load() {
  const number = ++latest;
  let groups = [];
  try {
    const response = await fetch(`${palette.dataset.url}?q=${encodeURIComponent(input.value)}`, {
      headers: { Accept: "application/json" },
    });
    if (!response.ok || response.redirected) throw new Error();
    ({ groups } = await response.json());
  } catch {
    if (number === latest) show([], palette.dataset.failed);
    return;
  }
  if (number === latest) show(groups, groups.length ? "" : palette.dataset.none);
}

function show(groups, message) {
  list.replaceChildren(...groups.map(group));
  status.textContent = message;
  select(options()[0]);
}

function group({ title, items }, index) {
  const element = document.createElement("div");
  const heading = document.createElement("p");
  heading.className = "palette__group";
  heading.id = `palette-group-${index}`;
  heading.textContent = title;
  element.setAttribute("role", "group");
  element.setAttribute("aria-labelledby", heading.id);
  element.append(heading, ...items.map((item, place) => option(item, `palette-${index}-${place}`)));
  return element;
}

function option({ label, note, url }, id) {
  const element = document.createElement("div");
  element.className = "palette__item";
  element.id = id;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", "false");
  element.dataset.url = url;
  element.append(label);
  if (note) {
    const aside = document.createElement("span");
    aside.className = "quiet";
    aside.textContent = note;
    element.append(" ", aside);
  }
  return element;
}

function select(next) {
  selected()?.setAttribute("aria-selected", "false");
  if (!next) return input.removeAttribute("aria-activedescendant");
  next.setAttribute("aria-selected", "true");
  next.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", next.id);
}

function move(step) {
  const all = options();
  if (all.length) select(all[(all.indexOf(selected()) + step + all.length) % all.length]);
}

function visit(element, inNewTab) {
  if (!element) return;
  if (inNewTab) return window.open(element.dataset.url, "_blank", "noopener");
  palette.close();
  location.assign(element.dataset.url);
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(load, DELAY);
});

input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "Enter") visit(selected(), event.ctrlKey || event.metaKey);
  else return;
  event.preventDefault();
});

list.addEventListener("click", (event) => {
  visit(event.target.closest('[role="option"]'), event.ctrlKey || event.metaKey);
});

palette.addEventListener("click", (event) => {
  if (event.target === palette) palette.close();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) open();
});

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    open();
  }
  if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  document.getElementById("shortcuts").showModal();
});

for (const button of document.querySelectorAll("[data-palette]")) button.hidden = false;
