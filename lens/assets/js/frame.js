// The frame: theme, keys, and menus that close. Everything works without it: then the theme is the system's.
"use strict";

// Before the page is drawn, so that it never flashes in the other theme.
const root = document.documentElement;
function stored() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}
if (stored()) root.dataset.theme = stored();

function whenRead(run) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  root.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* Then it holds for this page. */ }
}

whenRead(() => {
  // On a narrow screen the sections scroll; that of the page is in sight.
  const current = document.querySelector(".sections a[aria-current]");
  const beyond = current ? current.getBoundingClientRect().right - current.parentElement.getBoundingClientRect().right : 0;
  if (beyond > 0) current.parentElement.scrollLeft += beyond;
  const menus = () => document.querySelectorAll("details.time[open]");
  const keys = document.getElementById("keys");
  const search = document.querySelector(".search input[type=search]");
  for (const tool of document.querySelectorAll(".tool")) tool.hidden = false;
  document.getElementById("theme")?.addEventListener("click", switchTheme);
  document.getElementById("help")?.addEventListener("click", () => keys?.showModal());
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });

  // `g`, then the letter of a section, within this time.
  const CHORD_MS = 1500;
  let chordAt = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of menus()) { menu.open = false; menu.querySelector("summary").focus(); }
      if (document.activeElement === search) search.blur();
    }
    const isTyping = event.target.matches?.("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || keys?.open) return;
    if (event.timeStamp - chordAt < CHORD_MS) {
      chordAt = -Infinity;
      const section = document.querySelector(`.sections a[data-key="${CSS.escape(event.key)}"]`);
      if (section) { event.preventDefault(); section.click(); }
      return;
    }
    const act = {
      "g": () => { chordAt = event.timeStamp; },
      "/": () => { search?.focus(); search?.select(); },
      "t": () => {
        const menu = document.querySelector("details.time");
        if (menu) { menu.open = true; menu.querySelector(".quick a[aria-current], .quick a")?.focus(); }
      },
      "l": () => document.querySelector("a.live")?.click(),
      "d": switchTheme,
      "?": () => keys?.showModal(),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
});
