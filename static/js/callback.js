// The window of the service's consent page, once it has come back: wakes the page behind and closes itself.

const result = document.querySelector("[data-result]");

// The address still holds the answer's code and state. They are used up; no need to keep them in sight or history.
history.replaceState(null, "", location.pathname);

const channel = new BroadcastChannel("specway-attempts");
channel.postMessage(result.dataset.result);

document.querySelector("[data-close-window]")?.addEventListener("click", closeWindow);

if (result.matches("[data-closes]")) closeWindow();

function closeWindow() {
  window.close();
  // Only a window that a script opened may close itself. If it still stands after a moment, say so.
  setTimeout(() => {
    for (const words of document.querySelectorAll("[data-cannot-close]")) words.hidden = false;
    for (const words of document.querySelectorAll("[data-closing]")) words.hidden = true;
  }, 700);
}
