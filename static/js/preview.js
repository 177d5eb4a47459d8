// Previews the URL that results from a form's parameters, and validates the values, as they are entered.
// The server validates them again.

for (const input of document.querySelectorAll("[data-param]")) {
  const error = document.createElement("p");
  error.className = "error";
  error.id = `${input.id}-error`;
  error.hidden = true;
  input.closest(".field").append(error);
  input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${error.id}`.trim());
  const check = () => {
    const typed = input.value.trim();
    const message = typed && isValid(input, typed) === false ? input.dataset.message : "";
    // The page shows the message itself, so that the browser does not need its bubble.
    input.setCustomValidity(message);
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    error.textContent = message;
    error.hidden = !message;
  };
  // Not on input, when the value is still incomplete; but a displayed message is removed on input.
  input.addEventListener("change", check);
  input.addEventListener("input", () => error.hidden || check());
  input.addEventListener("invalid", (event) => {
    check();
    if (!error.hidden) {
      event.preventDefault();
      input.focus();
    }
  });
}

for (const preview of document.querySelectorAll("[data-preview]")) {
  const inputs = [...preview.closest("form").querySelectorAll("[data-param]")];
  const shown = preview.querySelector("[data-preview-address]");
  const update = () => {
    let address = preview.dataset.preview;
    let known = true;
    for (const input of inputs) {
      const typed = input.value.trim();
      const value = isValid(input, typed) ? typed : "";
      known &&= Boolean(value) || !address.includes(`{${input.dataset.param}}`);
      address = address.replaceAll(`{${input.dataset.param}}`, () => value || "…");
    }
    // Incomplete URLs are hidden.
    preview.hidden = !known;
    shown.textContent = address;
  };
  for (const input of inputs) input.addEventListener("input", update);
  update();
}

function isValid(input, typed) {
  try {
    return new RegExp(`^(?:${input.dataset.pattern})$`).test(typed);
  } catch {
    return null; // A pattern that only Python supports: no preview; the server validates.
  }
}
