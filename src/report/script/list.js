// The list of calls. However many there are, only those in view (and a few more) are elements.

const MARGIN = 6;

const list = {
  element: byId("list"),
  rows: [],
  active: 0,
  open: null,
  pool: new Map(),
  free: [],
  rowHeight: 34,
};

const columnsOfRow = () => ({
  branch: el("span", { class: "branch-cell" }), icon: el("span", { class: "icon-cell" }), number: el("span", { class: "number" }),
  agent: el("span", { class: "agent" }), note: el("span", { class: "note-cell" }), model: el("span", { class: "model" }), track: el("span", { class: "track" }),
  duration: el("span", { class: "figure duration" }), tokens: el("span", { class: "figure tokens" }), cost: el("span", { class: "figure cost" }),
});

function newRow() {
  const cells = columnsOfRow();
  const element = el("div", { role: "option", class: "row" }, ...Object.values(cells));
  return { element, cells, row: -1, status: null };
}

function fillRow(item, row) {
  const { cells, element } = item;
  const status = statusOf(row);
  const repairs = repairedBy(row);
  const inOrder = filter.sort === "start";
  element.id = `row-${row}`;
  // A new icon costs more than all else in the row.
  if (item.status !== status) cells.icon.replaceChildren(statusIcon(status));
  item.status = status;
  cells.number.textContent = columns.number[row];
  cells.agent.textContent = name(agentOf(row));
  cells.model.textContent = name(modelOf(row));
  cells.note.textContent = noteOf(row);
  cells.duration.textContent = status === "running" ? "running" : duration(columns.duration_ms[row]);
  const tokens = tokensOf(row);
  cells.tokens.textContent = tokens === null ? "–" : short(tokens);
  cells.cost.textContent = columns.cost_usd[row] === null ? "–" : dollars(columns.cost_usd[row]);
  element.classList.toggle("repair", repairs !== null && inOrder);
  element.setAttribute("aria-label", labelOf(row));
  item.row = row;
}

/** What makes the call special, in a word or two. */
function noteOf(row) {
  const notes = [];
  const error = columns.error[row];
  if (isRepair(row)) notes.push(`repair ${repairNumber(row)}`);
  if (error !== null) notes.push(statusOf(row) === "interrupted" ? "interrupted" : words(columns.errors[error]));
  if (isRetried(row)) notes.push(counted(requestsOf(row).length, "request"));
  return notes.join(" · ");
}

function labelOf(row) {
  const repairs = repairedBy(row);
  const parts = [`Call ${columns.number[row]}`, name(agentOf(row)), name(modelOf(row)), STATUS_WORDS[statusOf(row)]];
  if (repairs !== null) parts.push(`repairs call ${columns.number[repairs]}`);
  if (isRetried(row)) parts.push(counted(requestsOf(row).length, "request"));
  parts.push(duration(columns.duration_ms[row]));
  return parts.join(", ");
}

/** Which places of the list can be seen. */
function placesInView() {
  const top = Math.max(0, byId("toolbar").getBoundingClientRect().bottom) - list.element.getBoundingClientRect().top;
  const first = Math.floor(top / list.rowHeight);
  const last = Math.ceil((top + window.innerHeight) / list.rowHeight);
  const most = list.rows.length - 1;
  return { first: Math.max(0, Math.min(most, first)), last: Math.max(0, Math.min(most, last)) };
}

/** The style decides how tall a row is: taller on small screens. */
function measureRows() {
  list.rowHeight = parseFloat(getComputedStyle(list.element).getPropertyValue("--row"));
}

function drawList() {
  const { element, rows } = list;
  element.style.height = `${rows.length * list.rowHeight}px`;
  byId("empty").hidden = rows.length > 0;
  if (rows.length === 0) {
    element.replaceChildren();
    list.pool.clear();
    list.free = [];
    element.removeAttribute("aria-activedescendant");
    return;
  }
  // Measured before anything changes, so that the browser lays out once.
  const { first, last } = placesInView();
  const axisWidth = byId("axis").clientWidth;
  const span = spanOfList(first, last);
  place(Math.max(0, first - MARGIN), Math.min(rows.length - 1, last + MARGIN), span);
  drawAxis(byId("axis"), span, axisWidth);
  showBand(span);
}

/** The axis shows the chosen stretch, or the whole run while its calls can be told apart there. */
function spanOfList(first, last) {
  if (filter.sort !== "start" || count <= 150) return filter.from === null ? wholeSpan : { from: filter.from, to: filter.to };
  return spanOf(list.rows.slice(first, last + 1));
}

function place(first, last, span) {
  const { element, rows, pool } = list;
  for (const [at, item] of pool) {
    if (at < first || at > last || rows[at] !== item.row) {
      pool.delete(at);
      list.free.push(item);
    }
  }
  const highlighted = list.open ?? rows[list.active];
  const execution = columns.execution[highlighted];
  for (let at = first; at <= last; at += 1) {
    let item = pool.get(at);
    if (!item) {
      item = list.free.pop() ?? newRow();
      fillRow(item, rows[at]);
      item.element.setAttribute("aria-posinset", at + 1);
      if (!item.element.isConnected) element.append(item.element);
      pool.set(at, item);
    }
    item.element.style.transform = `translateY(${at * list.rowHeight}px)`;
    item.element.setAttribute("aria-setsize", rows.length);
    item.element.setAttribute("aria-selected", item.row === list.open);
    item.element.classList.toggle("active", at === list.active);
    item.element.classList.toggle("kin", columns.execution[item.row] === execution);
    drawBar(item.cells.track, item.row, span);
  }
  for (const item of list.free.splice(0)) item.element.remove();
  const current = pool.get(list.active);
  if (current) element.setAttribute("aria-activedescendant", current.element.id);
  else element.removeAttribute("aria-activedescendant");
}

let isDrawing = false;
let isPrinting = false;
function drawSoon() {
  if (isDrawing || isPrinting) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawList();
  });
}

/** Makes the place `at` the current one, and brings it into view. */
function move(at) {
  if (list.rows.length === 0) return;
  list.active = Math.max(0, Math.min(list.rows.length - 1, at));
  const box = list.element.getBoundingClientRect();
  const covered = document.querySelector(".row.head").getBoundingClientRect().bottom;
  const top = box.top + list.active * list.rowHeight;
  if (top < covered) window.scrollBy(0, top - covered);
  else if (top + list.rowHeight > window.innerHeight) window.scrollBy(0, top + list.rowHeight - window.innerHeight + 4);
  drawList();
  if (list.open !== null) openCall(list.rows[list.active], "replace");
}

function listenToList() {
  window.addEventListener("scroll", drawSoon, { passive: true });
  new ResizeObserver(drawSoon).observe(list.element);
  list.element.addEventListener("click", (event) => {
    const element = event.target.closest(".row");
    if (!element) return;
    const row = Number(element.id.slice(4));
    list.active = list.rows.indexOf(row);
    openCall(row, "push");
  });
}
