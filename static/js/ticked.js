// Counts the selected permissions. Without this script the count is hidden.

for (const count of document.querySelectorAll("[data-ticked]")) {
  const form = count.closest("form");
  const shown = count.querySelector(".num");
  const update = () => (shown.textContent = form.querySelectorAll('input[name="scopes"]:checked').length);
  form.addEventListener("change", update);
  update();
  count.hidden = false;
}
