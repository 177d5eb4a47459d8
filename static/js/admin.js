// The administration: names for the fields of Select2, which searches one value among many, and keys for its list.

function nameFields() {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    if (!label || !box || box.hasAttribute("aria-label")) continue;
    const name = label.textContent.replace(/:\s*$/, "").trim();
    box.setAttribute("aria-label", name);
    // The value inside: a text, not a field of its own.
    const value = box.querySelector(".select2-selection__rendered");
    value?.removeAttribute("role");
    value?.removeAttribute("aria-readonly");
  }
}

// What Django's scripts and templates leave without a name.
function nameTheRest() {
  for (const icon of document.querySelectorAll(".search-label-icon:not([role])")) icon.setAttribute("role", "img");
  for (const head of document.querySelectorAll(".inline-group th:empty")) {
    head.append(Object.assign(document.createElement("span"), { className: "sr", textContent: "Entry" }));
  }
}

function nameOpenList() {
  const box = document.querySelector(".select2-container--open .select2-selection");
  const list = document.querySelector(".select2-dropdown .select2-results__options");
  if (!box || !list) return;
  box.setAttribute("aria-controls", list.id);
  list.setAttribute("aria-label", "Results");
  const floating = list.closest("body > .select2-container");
  floating?.setAttribute("role", "region");
  floating?.setAttribute("aria-label", "Choices");
  document.querySelector(".select2-dropdown .select2-search__field")?.setAttribute("aria-label", "Search");
}

// They run after this script, at times of their own.
function nameAll() {
  nameFields();
  nameTheRest();
  nameOpenList();
}

nameAll();
new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
