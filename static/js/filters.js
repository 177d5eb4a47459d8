// Filters apply on change; without a script there is a button.

document.querySelector("[data-filters]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
