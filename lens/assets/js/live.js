// Live mode: fetches the page's own address and changes in place what is different in the regions marked data-live. An element
// stays the same element, so scroll, focus, selection and what is unfolded are kept. Children are told apart by their data-key
// or id where they have one, else by their order. What has data-hold is left alone while it is pointed at.
const keyOf = (node) => node.dataset?.key || node.id || null;
const isHeld = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches("[data-hold]:hover, [data-hold]:focus-within");
const isLike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function becomeAttributes(old, next) {
  // What the reader unfolded or typed is the reader's.
  const own = { DETAILS: "open", DIALOG: "open", INPUT: "value" }[old.nodeName];
  for (const { name } of [...old.attributes]) if (name !== own && !next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (name !== own && old.getAttribute(name) !== value) old.setAttribute(name, value);
}

/** Makes `old` equal to `next`, with as few changes as a walk in order finds. */
function become(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (isHeld(old) || old.isEqualNode(next)) return;
  becomeAttributes(old, next);
  const kept = new Set([...next.childNodes].map(keyOf));
  const keyed = new Map();
  for (const child of [...old.childNodes]) {
    const key = keyOf(child);
    if (key && !kept.has(key)) child.remove();
    else if (key) keyed.set(key, child);
  }
  let at = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = keyOf(wanted);
    let same = key ? keyed.get(key) : at;
    if (!key) while (same && keyOf(same)) same = same.nextSibling;
    // Of several with one key the first is the one; the others are made anew.
    keyed.delete(key);
    if (same && isLike(same, wanted)) {
      if (same !== at) old.insertBefore(same, at);
      become(same, wanted);
      at = same.nextSibling;
    } else {
      old.insertBefore(document.adoptNode(wanted), at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

whenRead(() => {
  const main = document.querySelector("main");
  const milliseconds = Number(main?.dataset.refreshSeconds ?? 0) * 1000;
  if (milliseconds === 0) return;
  const light = document.querySelector(".live");
  let isUnderWay = false;

  async function refresh() {
    // Whoever has marked some text is about to copy it.
    const isReading = !document.getSelection().isCollapsed && main.contains(document.getSelection().anchorNode);
    light?.classList.toggle("held", isReading);
    if (document.hidden || isUnderWay || isReading) return;
    isUnderWay = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of document.querySelectorAll("[data-live]")) {
        const next = fresh.getElementById(region.id);
        if (next) become(region, next);
      }
      document.dispatchEvent(new Event("lens:refreshed"));
      light?.classList.remove("lost");
    } catch {
      light?.classList.add("lost");
    } finally {
      isUnderWay = false;
    }
  }

  setInterval(refresh, milliseconds);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
});
