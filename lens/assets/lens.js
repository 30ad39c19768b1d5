// Refreshes the regions marked data-live from the page's own address, and shows what a dot or a step of a chart stands for.
// Everything works without it: then the page is refreshed by hand and the browser shows the titles.
"use strict";

const main = document.querySelector("main");
const seconds = Number(main?.dataset.refreshSeconds ?? 0);

// A region that somebody points at, reads in or types in is left alone until the next time.
function inUse(region) {
  return region.contains(document.activeElement)
    || region.querySelector("details[open], .chart:hover, li:hover") !== null
    || !document.getSelection().isCollapsed;
}

async function refresh() {
  if (document.hidden) return;
  const live = document.querySelector(".live");
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const region of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(region.id);
      if (next && !inUse(region) && next.innerHTML !== region.innerHTML) region.replaceWith(document.adoptNode(next));
    }
    live?.classList.remove("lost");
  } catch {
    live?.classList.add("lost");
  }
}

if (seconds > 0) setInterval(refresh, seconds * 1000);

let tooltip = null;

function show(dot) {
  hide();
  const title = dot.querySelector("title");
  if (title) {
    // The browser's own tooltip would come on top of this one.
    dot.dataset.title = title.textContent;
    dot.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  tooltip = document.createElement("div");
  tooltip.className = "tooltip";
  tooltip.textContent = dot.dataset.title;
  document.body.append(tooltip);
  const at = dot.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left + at.width / 2 - tooltip.offsetWidth / 2), innerWidth - tooltip.offsetWidth - 8);
  const above = at.top - tooltip.offsetHeight - 6;
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${above > 0 ? above : at.bottom + 6}px`;
}

function hide() {
  tooltip?.remove();
  tooltip = null;
}

const dotOf = (event) => event.target.closest?.(".exemplars a, .readouts rect");
for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => { const dot = dotOf(event); if (dot) show(dot); });
for (const kind of ["pointerout", "focusout"]) document.addEventListener(kind, (event) => { if (dotOf(event)) hide(); });
addEventListener("scroll", hide, { passive: true });

document.querySelector(".span.chosen > summary")?.scrollIntoView({ block: "nearest" });
