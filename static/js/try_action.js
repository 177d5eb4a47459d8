// Try an action: after a reconnect the picker shows how things stand, with the same choice and what was written.

document.body.addEventListener("specway:connected", () => {
  const work = document.getElementById("work");
  if (!work) return;
  htmx.ajax("GET", work.dataset.again, { target: "#which-list", select: "#which-list", swap: "outerHTML" });
});
