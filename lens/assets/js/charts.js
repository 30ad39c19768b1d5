// Charts: what a dot or a step stands for, under the pointer or in focus; and dragging over a chart to see that time only.
let tooltip = null;

function hideTooltip() {
  tooltip?.remove();
  tooltip = null;
}

function showTooltip(mark) {
  hideTooltip();
  const title = mark.querySelector("title");
  if (title) {
    // The browser's own tooltip would come on top of this one.
    mark.dataset.title = title.textContent;
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  tooltip = document.createElement("div");
  tooltip.className = "tooltip";
  tooltip.textContent = mark.dataset.title;
  document.body.append(tooltip);
  const at = mark.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left + at.width / 2 - tooltip.offsetWidth / 2), document.documentElement.clientWidth - tooltip.offsetWidth - 8);
  const above = at.top - tooltip.offsetHeight - 6;
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${above > 0 ? above : at.bottom + 6}px`;
}

// Whatever is marked data-tip shows its <title> so.
const markOf = (event) => event.target.closest?.("[data-tip]");
for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => { const mark = markOf(event); if (mark) showTooltip(mark); });
for (const kind of ["pointerout", "focusout"]) document.addEventListener(kind, (event) => { if (markOf(event)) hideTooltip(); });
addEventListener("scroll", hideTooltip, { passive: true });

// Dragging: pixels from which it is meant.
const DRAG_PX = 8;
let drag = null;

function dragged(event) {
  const { left, width } = drag.box;
  const [from, to] = [drag.x, event.clientX].map((x) => Math.min(Math.max((x - left) / width, 0), 1)).sort((a, b) => a - b);
  return { from, to, isMeant: (to - from) * width >= DRAG_PX };
}

document.addEventListener("pointerdown", (event) => {
  const plot = event.button === 0 && event.pointerType === "mouse" && event.target.closest?.("svg.plot[data-zoom]");
  if (plot) drag = { plot, x: event.clientX, box: plot.getBoundingClientRect(), shade: null };
});
document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const { from, to, isMeant } = dragged(event);
  if (!isMeant && !drag.shade) return;
  hideTooltip();
  document.getSelection().removeAllRanges();
  if (!drag.shade) {
    drag.shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    drag.shade.setAttribute("class", "zoom");
    drag.shade.setAttribute("height", drag.plot.dataset.zoom);
    drag.plot.append(drag.shade);
  }
  drag.shade.setAttribute("x", `${from * 100}%`);
  drag.shade.setAttribute("width", `${(to - from) * 100}%`);
});
document.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { from, to, isMeant } = dragged(event);
  const { shade, plot } = drag;
  drag = null;
  shade?.remove();
  if (!shade || !isMeant) return;
  const { sinceMs, untilMs } = plot.dataset;
  const at = (share) => new Date(Math.round(Number(sinceMs) + (Number(untilMs) - Number(sinceMs)) * share)).toISOString();
  const address = new URL(location.href);
  address.searchParams.delete("at");
  address.searchParams.set("since", at(from));
  address.searchParams.set("until", at(to));
  location.assign(address);
});
// The end of a drag over a dot is no click on it.
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("svg.plot")) event.preventDefault(); });
