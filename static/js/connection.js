// A connection's page: reloads the header after a reconnect, and shows the disconnect dialog.

const dialogs = document.getElementById("dialogs");

document.body.addEventListener("specway:connected", () => {
  // The card shows the result; the status in the header is reloaded and the reason removed.
  document.getElementById("reason")?.remove();
  htmx.ajax("GET", location.pathname, { target: "#connection", select: "#connection", swap: "outerHTML" });
});

dialogs.addEventListener("htmx:afterSwap", () => {
  const dialog = dialogs.querySelector("dialog");
  dialog.showModal();
  dialog.addEventListener("close", () => dialogs.replaceChildren());
});
