// The address that a form's parameters lead to, while they are typed, and words beside a value that cannot be one.
// Without this script there are none of both until the form is sent; the server checks every value again.

for (const input of document.querySelectorAll("[data-param]")) {
  const refusal = document.createElement("p");
  refusal.className = "error";
  refusal.id = `${input.id}-refusal`;
  refusal.hidden = true;
  input.closest(".field").append(refusal);
  input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${refusal.id}`.trim());
  const check = () => {
    const typed = input.value.trim();
    const words = typed && fits(input, typed) === false ? input.dataset.words : "";
    // The browser would say it in a bubble on sending; it stands in the page already.
    input.setCustomValidity(words);
    if (words) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    refusal.textContent = words;
    refusal.hidden = !words;
  };
  // Not at the first letter: nobody has typed a whole shop's name by then. Once it was said, it is taken back at once.
  input.addEventListener("change", check);
  input.addEventListener("input", () => refusal.hidden || check());
  input.addEventListener("invalid", (event) => {
    check();
    if (!refusal.hidden) {
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
      const value = fits(input, typed) ? typed : "";
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

function fits(input, typed) {
  try {
    return new RegExp(`^(?:${input.dataset.pattern})$`).test(typed);
  } catch {
    return null; // A pattern that only Python knows: no preview, and the server's words.
  }
}
