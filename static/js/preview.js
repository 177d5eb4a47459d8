// The address that a form's parameters lead to, while they are typed. Without this script there is none; the server
// checks every value again, whatever is shown here.

for (const preview of document.querySelectorAll("[data-preview]")) {
  const inputs = [...preview.closest("form").querySelectorAll("[data-param]")];
  const shown = preview.querySelector("[data-preview-address]");
  const valueOf = (input) => {
    const typed = input.value.trim();
    return new RegExp(`^(?:${input.dataset.pattern})$`).test(typed) ? typed : "";
  };
  const update = () => {
    let address = preview.dataset.preview;
    let known = true;
    for (const input of inputs) {
      const value = valueOf(input);
      known &&= Boolean(value) || !address.includes(`{${input.dataset.param}}`);
      address = address.replaceAll(`{${input.dataset.param}}`, () => value || "…");
    }
    // An address with a hole in it is worth nothing to anybody.
    preview.hidden = !known;
    shown.textContent = address;
  };
  for (const input of inputs) input.addEventListener("input", update);
  update();
}
