// The trip to a service's consent page, seen from the page that stays behind.
//
// A form or button with data-connect starts it. The window is opened in the click itself, or the browser blocks it; then
// Specway is asked for the address to send it to. What became of the trip is learnt from Specway alone: by asking, and at
// once when the callback page calls on the channel. Neither window.opener nor popup.closed decides anything, since many
// services cut both (Cross-Origin-Opener-Policy). All words come from the server, as a card.

import { announce, flash } from "./app.js";

const FEATURES = "popup,width=520,height=720";
const WINDOW_NAME = "specway-connect";
const FIRST_DELAY = 1000;
const LONGEST_DELAY = 3000;

let trip = null;

const channel = new BroadcastChannel("specway-attempts");
channel.addEventListener("message", (event) => {
  // A callback that could not tell its attempt sends an empty ID: then every page that waits looks.
  if (trip?.attempt && (event.data === trip.attempt || event.data === "")) look(trip);
});

// Captured: app.js marks forms as sent on their way up, and this one may be sent again.
document.addEventListener(
  "submit",
  (event) => {
    const { target: form, submitter } = event;
    if (form.matches("[data-connect]") || submitter?.matches("[data-connect]")) {
      event.preventDefault();
      event.stopPropagation();
      start(form, submitter);
    } else if (trip && form.matches("[data-card]")) {
      // Without a trip of this page's own the form is sent as it is, and the attempt's page follows.
      event.preventDefault();
      event.stopPropagation();
      sendCard(form, submitter);
    }
  },
  true,
);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-again], [data-dismiss]");
  if (!button || !trip) return;
  if (button.matches("[data-again]")) start(trip.form, trip.submitter);
  else dismiss(trip);
});

// --- starting ---------------------------------------------------------------------------------------------------------

async function start(form, submitter) {
  if (trip?.starting) return;
  if (trip && waits(trip) && trip.form === form && trip.submitter === submitter && isOpen(trip.popup)) {
    trip.popup.focus();
    return;
  }
  const before = trip;
  if (before) clearTimeout(before.timer);
  const popup = openWindow();
  trip = { form, submitter, popup, place: placeFor(form, before), starting: true, delay: FIRST_DELAY };
  const mine = trip;
  // What the last action had to say is overtaken by what happens now.
  document.getElementById("flash")?.replaceChildren();
  const data = new FormData(form, ownButton(form, submitter));
  if (before?.attempt) data.set("instead_of", before.attempt);
  const answer = await ask(submitter?.getAttribute("formaction") ?? form.getAttribute("action"), data);
  mine.starting = false;
  if (!answer?.authorization_url) {
    if (isOpen(popup)) popup.close();
    if (answer) show(mine, answer);
    return;
  }
  mine.attempt = answer.attempt;
  mine.statusUrl = answer.status_url;
  mine.view = isOpen(popup) ? "open" : "blocked";
  if (mine.view === "open") popup.location.replace(answer.authorization_url);
  if (mine.view === "open") show(mine, answer);
  else await look(mine);
  plan(mine);
}

function openWindow() {
  let popup = null;
  try {
    popup = window.open("", WINDOW_NAME, FEATURES);
    // A window of the trip before may still stand at the service; it is ours to send on all the same.
    popup?.focus();
  } catch {
    return popup;
  }
  return popup;
}

const isOpen = (popup) => Boolean(popup) && !popup.closed;

// A submitter may belong to a card that is gone by now; FormData refuses a button of another form.
const ownButton = (form, submitter) => (submitter?.form === form ? submitter : undefined);

// --- waiting ----------------------------------------------------------------------------------------------------------

const waits = (some) => Boolean(some.attempt) && !some.settled;

function plan(mine) {
  clearTimeout(mine.timer);
  if (mine !== trip || !waits(mine)) return;
  mine.timer = setTimeout(async () => {
    await look(mine);
    mine.delay = Math.min(mine.delay * 1.3, LONGEST_DELAY);
    plan(mine);
  }, mine.delay);
}

async function look(mine) {
  if (mine !== trip || !waits(mine)) return;
  // Closed is only a hint for the words: the answer may still come, and then it counts.
  if (mine.view === "open" && !isOpen(mine.popup)) mine.view = "closed";
  const answer = await ask(`${mine.statusUrl}?popup=${mine.view}`, undefined, { quiet: true });
  if (answer && mine === trip && waits(mine)) show(mine, answer);
}

async function ask(url, body, { quiet = false } = {}) {
  try {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "manual",
    });
    // The session ended: only the login page is answered now, and this page leads there.
    if (response.type === "opaqueredirect") location.reload();
    else if (response.headers.get("Content-Type")?.includes("json")) return await response.json();
    else if (!quiet) flash(`Specway could not do this (${response.status}). Reload the page, then try again.`);
  } catch {
    // A poll that failed is asked again; a click that failed must be told.
    if (!quiet) flash("Specway did not answer. Check your network, then try again.");
  }
  return null;
}

// --- the card ---------------------------------------------------------------------------------------------------------

function placeFor(form, before) {
  const known = document.querySelector("[data-connecting]") ?? before?.place;
  if (known?.isConnected) return known;
  const place = document.createElement("div");
  place.dataset.connecting = "";
  form.before(place);
  return place;
}

function show(mine, answer) {
  const settledNow = answer.settled && !mine.settled;
  mine.settled = Boolean(answer.settled);
  const state = `${answer.attempt ?? ""} ${answer.state}`;
  if (mine.state === state) return;
  const moveFocus = mine.state === undefined || mine.place.contains(document.activeElement) || settledNow;
  mine.state = state;
  mine.place.innerHTML = answer.html;
  window.htmx?.process(mine.place);
  if (moveFocus) focusCard(mine.place);
  announce(mine.place.querySelector("h2, h3")?.textContent ?? "");
  if (settledNow && isOpen(mine.popup)) mine.popup.close();
  if (answer.connection) {
    document.body.dispatchEvent(new CustomEvent("specway:connected", { detail: { connection: answer.connection } }));
  }
}

function focusCard(place) {
  const card = place.firstElementChild;
  if (!card) return;
  card.tabIndex = -1;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

async function sendCard(form, submitter) {
  const mine = trip;
  const answer = await ask(form.getAttribute("action"), new FormData(form, submitter));
  if (!answer || mine !== trip) return;
  show(mine, answer);
  plan(mine);
}

function dismiss(mine) {
  clearTimeout(mine.timer);
  mine.place.replaceChildren();
  const back = mine.submitter?.isConnected ? mine.submitter : mine.form.querySelector("[type=submit]");
  back?.focus();
  trip = null;
}
