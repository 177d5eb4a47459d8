// The form to add an OAuth app: loads the fields of the selected service. Without this script they appear after *Save*.

const chosen = document.querySelector("select#id_integration");
const ROWS = '.form-row[class*="field-param_"]';
let latest = 0;

async function showFields() {
  const request = ++latest;
  const url = new URL(location.pathname, location.href);
  if (chosen.value) url.searchParams.set("integration", chosen.value);
  const page = await fetched(url);
  if (!page || request !== latest) return;
  const typed = new Map([...document.querySelectorAll(`${ROWS} input`)].map((input) => [input.name, input.value]));
  for (const row of document.querySelectorAll(ROWS)) row.remove();
  let last = document.querySelector(".form-row.field-secret_expires_on");
  for (const row of page.querySelectorAll(ROWS)) {
    const input = row.querySelector("input");
    if (typed.get(input?.name)) input.value = typed.get(input.name);
    last.after(document.adoptNode(row));
    last = row;
  }
  showWhereToRegister(page);
  document.getElementById("setup-guide")?.replaceChildren(...page.getElementById("setup-guide").childNodes);
  // Reloading and going back keep the selected service.
  history.replaceState(null, "", url);
}

async function fetched(url) {
  try {
    const response = await fetch(url, { credentials: "same-origin", redirect: "error" });
    return response.ok ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
  } catch {
    return null; // Saving reports missing fields.
  }
}

function showWhereToRegister(page) {
  const [old, now] = [document, page].map((root) => root.querySelector(".form-row.field-client_id"));
  const id = "#id_client_id_helptext";
  old.querySelector(id)?.remove();
  const hint = now?.querySelector(id);
  if (hint) old.querySelector("#id_client_id").parentElement.after(document.adoptNode(hint));
}

// Select2, which searches the services, reports changes only through jQuery.
if (chosen && window.django?.jQuery) window.django.jQuery(chosen).on("change", showFields);
else chosen?.addEventListener("change", showFields);
