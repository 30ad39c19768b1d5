// Log records that arrive while one looks are lit up for a moment; those that were there are not.
whenRead(() => {
  const keys = () => [...document.querySelectorAll("#logs .log")].map((log) => log.dataset.key);
  let seen = new Set(keys());
  document.addEventListener("lens:refreshed", () => {
    for (const log of document.querySelectorAll("#logs .log")) if (!seen.has(log.dataset.key)) log.classList.add("arrived");
    seen = new Set(keys());
  });
  // Beside the records there is no room for facets on a narrow page: there they are folded.
  const facets = document.querySelector("details.facets");
  if (facets && matchMedia("(max-width: 1000px)").matches) facets.open = false;
});
