// The callback page in the popup: notifies the page that started the flow and closes the window.

const result = document.querySelector("[data-result]");

// The URL still contains the authorization code and state. They are used up; remove them from the address bar and history.
history.replaceState(null, "", location.pathname);

const channel = new BroadcastChannel("specway-attempts");
channel.postMessage(result.dataset.result);

document.querySelector("[data-close-window]")?.addEventListener("click", closeWindow);

if (result.matches("[data-closes]")) closeWindow();

function closeWindow() {
  window.close();
  // Browsers close only windows that a script opened. If it is still open, show a message.
  setTimeout(() => {
    for (const text of document.querySelectorAll("[data-cannot-close]")) text.hidden = false;
    for (const text of document.querySelectorAll("[data-closing]")) text.hidden = true;
  }, 700);
}
