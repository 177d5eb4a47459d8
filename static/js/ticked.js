// Keeps the count of ticked permissions true. Without this script the count is not shown.

for (const count of document.querySelectorAll("[data-ticked]")) {
  const form = count.closest("form");
  const shown = count.querySelector(".num");
  const update = () => (shown.textContent = form.querySelectorAll('input[name="scopes"]:checked').length);
  form.addEventListener("change", update);
  update();
  count.hidden = false;
}
