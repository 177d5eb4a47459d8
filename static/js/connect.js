// An authorization flow, seen from the page that started it.
//
// A form or button with data-connect starts the flow. The window is opened in the click handler, or browsers block it; then
// Specway returns the authorization URL to send it to. Only Specway reports the result: the page polls, and polls at once
// when the callback page posts to the channel. Neither window.opener nor popup.closed is trusted, since many services cut
// both (Cross-Origin-Opener-Policy). The server renders every text, as a card.

import { announce, flash } from "./app.js";
import { saveDraft } from "./drafts.js";

const FEATURES = "popup,width=520,height=720";
const WINDOW_NAME = "specway-connect";
const FIRST_DELAY = 1000;
const LONGEST_DELAY = 3000;

let flow = null;

const channel = new BroadcastChannel("specway-attempts");
channel.addEventListener("message", (event) => {
  // A callback that could not determine its attempt sends an empty ID: then every waiting page polls.
  if (flow?.attempt && (event.data === flow.attempt || event.data === "")) poll(flow);
});

// In the capture phase: app.js marks forms as sent while the event bubbles, and this one may be sent again.
document.addEventListener(
  "submit",
  (event) => {
    const { target: form, submitter } = event;
    if (form.matches("[data-connect]") || submitter?.matches("[data-connect]")) {
      event.preventDefault();
      event.stopPropagation();
      start(form, submitter);
    } else if (flow && form.matches("[data-card]")) {
      // Without a flow of this page, the browser submits the form and shows the attempt's page.
      event.preventDefault();
      event.stopPropagation();
      sendCard(form, submitter);
    }
  },
  true,
);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-again], [data-dismiss]");
  if (!button || !flow) return;
  if (button.matches("[data-again]")) start(flow.form, flow.submitter);
  else dismiss(flow);
});

// --- starting ---------------------------------------------------------------------------------------------------------

async function start(form, submitter) {
  if (flow?.starting) return;
  if (flow && isWaiting(flow) && flow.form === form && flow.submitter === submitter && isOpen(flow.popup)) {
    flow.popup.focus();
    return;
  }
  const previous = flow;
  if (previous) clearTimeout(previous.timer);
  const popup = openWindow();
  flow = { form, submitter, popup, container: containerFor(form, previous), starting: true, delay: FIRST_DELAY };
  const current = flow;
  // The message of the last action is outdated.
  document.getElementById("flash")?.replaceChildren();
  const body = new FormData(form, ownButton(form, submitter));
  if (previous?.attempt) body.set("instead_of", previous.attempt);
  const data = await fetchJson(submitter?.getAttribute("formaction") ?? form.getAttribute("action"), body);
  current.starting = false;
  if (!data?.authorization_url) {
    if (isOpen(popup)) popup.close();
    if (data) show(current, data);
    return;
  }
  current.attempt = data.attempt;
  current.statusUrl = data.status_url;
  current.view = isOpen(popup) ? "open" : "blocked";
  if (current.view === "open") popup.location.replace(data.authorization_url);
  if (current.view === "open") show(current, data);
  else await poll(current);
  schedulePoll(current);
}

function openWindow() {
  let popup = null;
  try {
    popup = window.open("", WINDOW_NAME, FEATURES);
    // The window of an earlier flow may still show the service's page; it can be reused.
    popup?.focus();
  } catch {
    return popup;
  }
  return popup;
}

const isOpen = (popup) => Boolean(popup) && !popup.closed;

// The submitter may belong to a card that was replaced; FormData throws for a button of another form.
const ownButton = (form, submitter) => (submitter?.form === form ? submitter : undefined);

// --- waiting ----------------------------------------------------------------------------------------------------------

const isWaiting = (candidate) => Boolean(candidate.attempt) && !candidate.settled;

function schedulePoll(current) {
  clearTimeout(current.timer);
  if (current !== flow || !isWaiting(current)) return;
  current.timer = setTimeout(async () => {
    await poll(current);
    current.delay = Math.min(current.delay * 1.3, LONGEST_DELAY);
    schedulePoll(current);
  }, current.delay);
}

async function poll(current) {
  if (current !== flow || !isWaiting(current)) return;
  // A closed window only changes the text: the callback may still arrive, and then it counts.
  if (current.view === "open" && !isOpen(current.popup)) current.view = "closed";
  const data = await fetchJson(`${current.statusUrl}?popup=${current.view}`, undefined, { quiet: true });
  if (data && current === flow && isWaiting(current)) show(current, data);
}

async function fetchJson(url, body, { quiet = false } = {}) {
  try {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "manual",
    });
    if (response.type === "opaqueredirect") leaveForLogin();
    else if (response.headers.get("Content-Type")?.includes("json")) return await response.json();
    else if (!quiet) flash(`Specway could not complete the request (error ${response.status}). Reload the page and try again.`);
  } catch {
    // A failed poll is repeated; a failed click has to be reported.
    if (!quiet) flash("Specway did not respond. Check your network connection and try again.");
  }
  return null;
}

// The session ended: reloading this page leads to the login, which returns to it.
function leaveForLogin() {
  saveDraft(flow?.form);
  location.reload();
}

// --- the card ---------------------------------------------------------------------------------------------------------

function containerFor(form, previous) {
  const existing = document.querySelector("[data-connecting]") ?? previous?.container;
  if (existing?.isConnected) return existing;
  const container = document.createElement("div");
  container.dataset.connecting = "";
  form.before(container);
  return container;
}

function show(current, data) {
  const settledNow = data.settled && !current.settled;
  current.settled = Boolean(data.settled);
  const state = `${data.attempt ?? ""} ${data.state}`;
  if (current.state === state) return;
  const moveFocus = current.state === undefined || current.container.contains(document.activeElement) || settledNow;
  current.state = state;
  current.container.innerHTML = data.html;
  window.htmx?.process(current.container);
  if (moveFocus) focusCard(current.container);
  announce(current.container.querySelector("h2, h3")?.textContent ?? "");
  if (settledNow && isOpen(current.popup)) current.popup.close();
  if (data.connection) {
    document.body.dispatchEvent(new CustomEvent("specway:connected", { detail: { connection: data.connection } }));
  }
}

function focusCard(container) {
  const card = container.firstElementChild;
  if (!card) return;
  card.tabIndex = -1;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

async function sendCard(form, submitter) {
  const current = flow;
  const data = await fetchJson(form.getAttribute("action"), new FormData(form, submitter));
  if (!data || current !== flow) return;
  show(current, data);
  schedulePoll(current);
}

function dismiss(current) {
  clearTimeout(current.timer);
  current.container.replaceChildren();
  const back = current.submitter?.isConnected ? current.submitter : current.form.querySelector("[type=submit]");
  back?.focus();
  flow = null;
}
