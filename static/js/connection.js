// A connection's page: shows the head anew once a reconnect has ended well, and asks before a disconnect.

const dialogs = document.getElementById("dialogs");

document.body.addEventListener("specway:connected", () => {
  // The card says what happened; the state above it, and the reason that is gone, follow.
  document.getElementById("reason")?.remove();
  htmx.ajax("GET", location.pathname, { target: "#connection", select: "#connection", swap: "outerHTML" });
});

dialogs.addEventListener("htmx:afterSwap", () => {
  const dialog = dialogs.querySelector("dialog");
  dialog.showModal();
  dialog.addEventListener("close", () => dialogs.replaceChildren());
});
