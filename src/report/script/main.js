// What holds it together: the address, the keyboard, the theme, printing.

/** Keeps filter and open call in the address, so that a view can be linked and reloaded. */
function remember(how) {
  const next = `#${address(list.open)}`;
  if (next === location.hash || (next === "#" && location.hash === "")) return;
  try {
    if (how === "push") history.pushState(null, "", next);
    else history.replaceState(null, "", next);
  } catch {
    location.hash = next;
  }
}

function restore() {
  const open = readAddress();
  byId("query").value = filter.query;
  search.start(filter.query, apply);
  apply();
  if (open === null) return closeCall(null);
  openCall(open, null);
  move(list.active);
}

const KEYS = [
  [["j", "ArrowDown"], "next call", () => move(list.active + 1)],
  [["k", "ArrowUp"], "previous call", () => move(list.active - 1)],
  [["PageDown"], "ten calls on", () => move(list.active + 10)],
  [["PageUp"], "ten calls back", () => move(list.active - 10)],
  [["Home"], "first call", () => move(0)],
  [["End"], "last call", () => move(list.rows.length - 1)],
  [["Enter"], "open the call", () => list.rows.length > 0 && openCall(list.rows[list.active], "push")],
  [["["], "previous call of the execution", () => stepInExecution(-1)],
  [["]"], "next call of the execution", () => stepInExecution(1)],
  [["/"], "search", () => byId("query").focus()],
  [["t"], "light or dark", () => nextTheme()],
  [["?"], "these keys", () => openHelp()],
  [["Escape"], "close, or clear the search", () => closeCall("push")],
];

function stepInExecution(by) {
  const row = list.open ?? list.rows[list.active];
  if (row === undefined) return;
  const { first, last } = executionOf(row);
  if (row + by >= first && row + by <= last) openCall(row + by, "push");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const { target } = event;
  if (target.matches("input, textarea, select")) {
    if (event.key === "Escape") {
      if (target.id === "query") filterBy({ query: "" });
      list.element.focus({ preventScroll: true });
    } else if (event.key === "Enter" && target.id === "query") list.element.focus({ preventScroll: true });
    return;
  }
  const inList = target === list.element || target === document.body;
  // Elsewhere these keys have a meaning of their own: they scroll, and press buttons.
  const isOwn = ["Enter", "Home", "End", "PageDown", "PageUp", "ArrowUp", "ArrowDown"].includes(event.key);
  if (isOwn && !inList) return;
  const known = KEYS.find(([keys]) => keys.includes(event.key));
  if (!known) return;
  event.preventDefault();
  if (["j", "k"].includes(event.key) && list.open === null) list.element.focus({ preventScroll: true });
  known[2]();
}

function openHelp() {
  const rows = KEYS.map(([keys, meaning]) => el("div", {}, el("dt", {}, ...keys.map((key) => el("kbd", {}, key.replace("Arrow", "")))), el("dd", {}, meaning)));
  byId("help").replaceChildren(
    el("div", { class: "part-head" }, el("h2", { id: "help-title" }, "Keys"), button(icon("close"), () => byId("help").close(), { class: "quiet", "aria-label": "Close" })),
    el("dl", { class: "keys" }, ...rows));
  byId("help").showModal();
}

const THEMES = ["auto", "light", "dark"];

function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme-name").textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
  byId("theme").setAttribute("aria-label", `Theme: ${theme}`);
  recolourDensity();
}

/** A file's page may have no storage; the choice then lasts as long as the page. */
function storedTheme() {
  try {
    const theme = localStorage.getItem("duologue-theme");
    return THEMES.includes(theme) ? theme : "auto";
  } catch {
    return "auto";
  }
}

function nextTheme() {
  const current = document.documentElement.dataset.theme ?? "auto";
  const theme = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length];
  applyTheme(theme);
  try {
    localStorage.setItem("duologue-theme", theme);
  } catch {
    // Nothing to do: the page works without.
  }
}

function afterPrint() {
  isPrinting = false;
  drawList();
}

/** On paper there is no scrolling: the first calls of the list stand there in full length. */
function beforePrint() {
  isPrinting = true;
  const rows = list.rows.slice(0, 300);
  place(0, rows.length - 1, spanOfList(0, rows.length - 1));
  list.element.style.height = `${rows.length * list.rowHeight}px`;
}

function start() {
  showOverview();
  showLegend();
  listenToToolbar();
  listenToDensity();
  listenToList();
  measureRows();
  applyTheme(storedTheme());
  restore();
  byId("theme").addEventListener("click", nextTheme);
  byId("help-open").addEventListener("click", openHelp);
  byId("skip").addEventListener("click", () => list.element.focus());
  document.addEventListener("keydown", onKey);
  window.addEventListener("popstate", restore);
  window.addEventListener("hashchange", restore);
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
  window.addEventListener("resize", () => {
    drawDensity(density.rows);
    placePanel();
    measureRows();
    drawSoon();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolourDensity);
}

start();
