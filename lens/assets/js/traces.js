// Traces: drawing a box over the dots, and the waterfall's folding, details and keys. What it does to the address is what the
// links and forms of the page would do.
function setAddress(name, value) {
  const address = new URL(location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  // As the page writes them: slashes and commas as they are.
  history.replaceState(null, "", address.href.replaceAll("%2C", ","));
}

// A box over the dots: its width is a range of time, its height one of durations. Only one of them where it is flat.
let box = null;

function boxed(event) {
  const { left, top, width } = box.plot.getBoundingClientRect();
  const height = Number(box.plot.dataset.zoom);
  const within = (value) => Math.min(Math.max(value, 0), 1);
  const sorted = (a, b) => [within(a), within(b)].sort((x, y) => x - y);
  const [from, to] = sorted((box.x - left) / width, (event.clientX - left) / width);
  const [high, low] = sorted((box.y - top) / height, (event.clientY - top) / height);
  return { from, to, high, low, height, ofTime: (to - from) * width >= DRAG_PX, ofDuration: (low - high) * height >= DRAG_PX };
}

// Before charts.js, which would take any drag for one over time alone.
document.addEventListener("pointerdown", (event) => {
  const plot = event.button === 0 && event.pointerType === "mouse" && event.target.closest?.(".scatter svg.plot");
  if (!plot) return;
  event.stopPropagation();
  box = { plot, x: event.clientX, y: event.clientY, shade: null };
}, true);
document.addEventListener("pointermove", (event) => {
  if (!box) return;
  const { from, to, high, low, height, ofTime, ofDuration } = boxed(event);
  if (!ofTime && !ofDuration && !box.shade) return;
  hideTooltip();
  document.getSelection().removeAllRanges();
  if (!box.shade) {
    box.shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    box.shade.setAttribute("class", "zoom");
    box.plot.append(box.shade);
  }
  const shape = {
    x: ofTime ? `${from * 100}%` : 0, width: ofTime ? `${(to - from) * 100}%` : "100%",
    y: ofDuration ? high * height : 0, height: ofDuration ? (low - high) * height : height,
  };
  for (const [name, value] of Object.entries(shape)) box.shade.setAttribute(name, value);
});

/** Whole microseconds or milliseconds, as the form takes them; rounded outwards. */
function durationText(seconds, round) {
  return seconds < 0.01 ? `${round(seconds * 1e6)}us` : `${round(seconds * 1e3)}ms`;
}

document.addEventListener("pointerup", (event) => {
  if (!box) return;
  const { from, to, high, low, ofTime, ofDuration } = boxed(event);
  const { shade, plot } = box;
  box = null;
  shade?.remove();
  if (!shade || (!ofTime && !ofDuration)) return;
  const address = new URL(location.href);
  if (ofTime) {
    const { sinceMs, untilMs } = plot.dataset;
    const at = (share) => new Date(Math.round(Number(sinceMs) + (Number(untilMs) - Number(sinceMs)) * share)).toISOString();
    address.searchParams.set("since", at(from));
    address.searchParams.set("until", at(to));
  }
  if (ofDuration) {
    const { bottomSeconds, topSeconds } = plot.closest(".scatter").dataset;
    const at = (share) => topSeconds * (bottomSeconds / topSeconds) ** share;
    // What reaches the edge has no bound there.
    if (low < 1) address.searchParams.set("min_duration", durationText(at(low), Math.floor));
    if (high > 0) address.searchParams.set("max_duration", durationText(at(high), Math.ceil));
  }
  location.assign(address);
});

whenRead(() => {
  const waterfall = document.getElementById("waterfall");
  if (!waterfall) return;
  const rows = [...waterfall.querySelectorAll("details.span")];
  const depth = (row) => Number(row.dataset.depth);
  const fold = (row) => row.querySelector(".fold");
  const below = (row) => {
    const after = rows.slice(rows.indexOf(row) + 1);
    const end = after.findIndex((other) => depth(other) <= depth(row));
    return end < 0 ? after : after.slice(0, end);
  };
  document.querySelector(".keys-of-waterfall").hidden = false;
  // The span that the address names is in view.
  document.querySelector(".span.chosen > summary")?.scrollIntoView({ block: "nearest" });

  function show() {
    let foldedAt = Infinity;
    for (const row of rows) {
      row.hidden = depth(row) > foldedAt;
      if (!row.hidden) foldedAt = fold(row)?.hasAttribute("data-folded") ? depth(row) : Infinity;
    }
    const folded = rows.filter((row) => fold(row)?.hasAttribute("data-folded"));
    setAddress("fold", folded.map((row) => row.dataset.spanId).join(","));
  }

  function setFolded(row, isFolded) {
    fold(row)?.toggleAttribute("data-folded", isFolded);
    show();
  }

  waterfall.addEventListener("click", (event) => {
    const toggle = event.target.closest(".fold");
    if (!toggle || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setFolded(toggle.closest("details"), !toggle.hasAttribute("data-folded"));
  });

  // An opened span is the one that the address names; of a large trace its details come when they are asked for.
  waterfall.addEventListener("toggle", async (event) => {
    const row = event.target;
    const { spanId } = row.dataset;
    if (!row.open) {
      if (new URLSearchParams(location.search).get("span") === spanId) setAddress("span", null);
      return;
    }
    setAddress("span", spanId);
    for (const other of rows) other.classList.toggle("chosen", other === row);
    const load = row.querySelector("a.load");
    if (!load) return;
    const answer = await fetch(load.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const detail = page.getElementById(row.id)?.querySelector(".detail");
    if (detail) load.parentElement.replaceWith(document.adoptNode(detail));
  }, true);

  const parentOf = (row) => rows.slice(0, rows.indexOf(row)).findLast((other) => depth(other) < depth(row));
  function moveTo(row) {
    const summary = row?.querySelector("summary");
    summary?.focus({ preventScroll: true });
    summary?.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, textarea")) return;
    const row = document.activeElement?.closest?.("details.span");
    if (!row && !["ArrowDown", "e"].includes(event.key)) return;
    const shown = rows.filter((other) => !other.hidden);
    const at = shown.indexOf(row);
    const isFolded = row && fold(row)?.hasAttribute("data-folded");
    const act = {
      ArrowDown: () => moveTo(shown[at + 1]),
      ArrowUp: () => moveTo(shown[at - 1]),
      ArrowLeft: () => (below(row).length > 0 && !isFolded ? setFolded(row, true) : moveTo(parentOf(row))),
      ArrowRight: () => (isFolded ? setFolded(row, false) : moveTo(below(row)[0])),
      e: () => moveTo(shown.slice(at + 1).find((other) => other.classList.contains("failed")) ?? shown.find((other) => other.classList.contains("failed"))),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
});
