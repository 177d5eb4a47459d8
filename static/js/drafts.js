// Keeps what was typed in a form while the person signs in again.
//
// A form is saved when it is submitted, in this tab's sessionStorage. If its session has ended, the next pages are those of
// the login, which return to the form's page; the form is then filled in again. Any other page drops the draft, since the
// form was received. Secrets are never saved.

import { announce } from "./app.js";

const STORAGE_KEY = "specway-draft";
const MAX_LENGTH = 200_000; // characters
const LOGIN_PAGES = "/accounts/";
const NEVER_SAVED = [
  "[type=hidden]",
  "[type=password]",
  "[type=file]",
  "[autocomplete=new-password]",
  "[autocomplete=current-password]",
  "[autocomplete=one-time-code]",
  "[data-secret]",
].join();

export function saveDraft(form) {
  if (!form?.isConnected || form.method !== "post" || location.pathname.startsWith(LOGIN_PAGES)) return;
  const fields = savedFields(form).map((field) => [field.name, field.value, field.checked ?? null]);
  const draft = JSON.stringify({ page: location.pathname, form: formIndex(form), fields });
  if (fields.length && draft.length <= MAX_LENGTH) sessionStorage.setItem(STORAGE_KEY, draft);
}

const savedFields = (form) => [...form.elements].filter((field) => field.name && "value" in field && isSaved(field));

const isSaved = (field) => field.localName !== "button" && field.type !== "submit" && !field.matches(NEVER_SAVED);

// Forms are identified by their action and their order on the page.
function formIndex(form) {
  const action = form.getAttribute("action") ?? "";
  const same = [...document.forms].filter((other) => (other.getAttribute("action") ?? "") === action);
  return [action, same.indexOf(form)];
}

function restoreDraft() {
  if (location.pathname.startsWith(LOGIN_PAGES)) return;
  const draft = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  sessionStorage.removeItem(STORAGE_KEY);
  if (!draft || draft.page !== location.pathname || !cameFromLogin()) return;
  const form = [...document.forms].find((other) => String(formIndex(other)) === String(draft.form));
  if (!form) return;
  const unused = [...draft.fields];
  for (const field of savedFields(form)) fill(field, unused);
  form.dispatchEvent(new Event("change", { bubbles: true }));
  showNotice(form);
}

function cameFromLogin() {
  const referrer = document.referrer && new URL(document.referrer);
  return Boolean(referrer) && referrer.origin === location.origin && referrer.pathname.startsWith(LOGIN_PAGES);
}

function fill(field, unused) {
  const isCheckable = field.type === "checkbox" || field.type === "radio";
  const index = unused.findIndex(([name, value]) => name === field.name && (!isCheckable || value === field.value));
  if (index < 0) return;
  const [[, value, checked]] = unused.splice(index, 1);
  if (isCheckable) field.checked = checked;
  else field.value = value;
}

function showNotice(form) {
  const message = "You were signed out, so the form was not sent. What you typed is filled in again, except secrets.";
  const notice = document.createElement("div");
  notice.className = "notice notice--info";
  const text = document.createElement("p");
  text.className = "notice__text";
  text.textContent = message;
  notice.append(text);
  form.before(notice);
  for (const details of form.querySelectorAll("details")) details.open = true;
  notice.scrollIntoView({ block: "nearest" });
  announce(message);
}

document.addEventListener("submit", (event) => saveDraft(event.target));

document.addEventListener("htmx:beforeRequest", (event) => saveDraft(event.target.closest?.("form")));

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.xhr?.getResponseHeader("HX-Redirect")) sessionStorage.removeItem(STORAGE_KEY);
});

restoreDraft();
