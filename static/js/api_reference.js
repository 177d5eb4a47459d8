// The search of the API reference: lists only operations with all words, without a request. Arrow keys move in the list.

const form = document.querySelector("[data-operations]");
const input = form.querySelector("input[type=search]");
const count = form.querySelector("[data-count]");
const rows = [...document.querySelectorAll(".toc [data-words]")];
const idOf = (link) => new URL(link.href).searchParams.get("operation");
const links = () => rows.filter((row) => !row.hidden).map((row) => row.querySelector("a"));

function filter() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
  const found = new Set(links().map(idOf));
  for (const row of document.querySelectorAll("[data-operation]")) row.hidden = !found.has(row.dataset.operation);
  for (const row of rows) keepQuery(row.querySelector("a"));
  const message = { 0: count.dataset.none, 1: count.dataset.one }[found.size] ?? count.dataset.count;
  count.textContent = words.length ? message.replace("NUMBER", found.size) : "";
}

// The list stays as it is on the page of the operation, and when somebody else opens the address.
function keepQuery(link) {
  link.href = withQuery(link.href);
}

function withQuery(address) {
  const url = new URL(address);
  if (input.value.trim()) url.searchParams.set("q", input.value.trim());
  else url.searchParams.delete("q");
  return url;
}

input.addEventListener("input", () => {
  filter();
  history.replaceState(null, "", withQuery(location.href));
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  links()[0]?.click();
});

document.querySelector(".toc").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const stops = [input, ...links()];
  const next = stops.indexOf(document.activeElement) + step;
  stops[Math.min(Math.max(next, 0), stops.length - 1)].focus();
});

// Links to the former page (Swagger UI) named the operation after "#/tag/".
const former = decodeURIComponent(location.hash).match(/^#\/[^/]+\/(\w+)$/)?.[1];
if (former && rows.some((row) => idOf(row.querySelector("a")) === former)) location.replace(`?operation=${former}`);

document.querySelector('.toc [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
