// What is shown: the filter, its place in the address, and the search through all texts.

const SORTS = {
  start: { name: "by start", of: null },
  duration: { name: "longest first", of: durationOf },
  tokens: { name: "most tokens first", of: (row) => tokensOf(row) ?? -1 },
  cost: { name: "highest cost first", of: (row) => columns.cost_usd[row] ?? -1 },
};

const filter = { query: "", agent: "", model: "", document: "", stage: "", statuses: new Set(), repairs: false, retries: false, from: null, to: null, sort: "start" };

/** The filter and the open call out of the address; what it does not know it leaves out. */
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const known = (value, names) => (names.includes(value) ? value : "");
  const place = (key) => (given.has(key) && Number.isFinite(Number(given.get(key))) ? Number(given.get(key)) : null);
  filter.query = given.get("q") ?? "";
  filter.agent = known(given.get("agent"), columns.agents);
  filter.model = known(given.get("model"), columns.models);
  filter.document = known(given.get("document"), columns.documents);
  filter.stage = known(given.get("stage"), columns.stages);
  filter.statuses = new Set((given.get("status") ?? "").split(",").filter((status) => STATUSES.includes(status)));
  filter.repairs = given.has("repairs");
  filter.retries = given.has("retries");
  [filter.from, filter.to] = [place("from"), place("to")];
  if (filter.from === null || filter.to === null || filter.from >= filter.to) filter.from = filter.to = null;
  filter.sort = Object.hasOwn(SORTS, given.get("sort") ?? "") ? given.get("sort") : "start";
  return rowById.get(given.get("call")) ?? null;
}

function address(open) {
  const parts = new URLSearchParams();
  if (open !== null) parts.set("call", columns.id[open]);
  for (const [key, value] of [["q", filter.query], ["agent", filter.agent], ["model", filter.model], ["document", filter.document], ["stage", filter.stage]]) if (value) parts.set(key, value);
  if (filter.statuses.size > 0) parts.set("status", [...filter.statuses].join(","));
  for (const key of ["repairs", "retries"]) if (filter[key]) parts.set(key, "1");
  if (filter.from !== null) {
    parts.set("from", Math.round(filter.from));
    parts.set("to", Math.round(filter.to));
  }
  if (filter.sort !== "start") parts.set("sort", filter.sort);
  return parts.toString();
}

const isFiltered = () => Boolean(filter.query || filter.agent || filter.model || filter.document || filter.stage || filter.statuses.size > 0 || filter.repairs || filter.retries || filter.from !== null);

function clearFilter() {
  Object.assign(filter, { query: "", agent: "", model: "", document: "", stage: "", statuses: new Set(), repairs: false, retries: false, from: null, to: null });
}

/** The rows that pass, and for each choice how many would if it alone were changed. */
function select() {
  const agent = filter.agent ? columns.agents.indexOf(filter.agent) : -1;
  const model = filter.model ? columns.models.indexOf(filter.model) : -1;
  const document = filter.document ? columns.documents.indexOf(filter.document) : -1;
  const stage = filter.stage ? columns.stages.indexOf(filter.stage) : -1;
  const counts = { agent: new Map(), model: new Map(), status: new Map(), repairs: 0, retries: 0 };
  const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
  const rows = [];
  for (let row = 0; row < count; row += 1) {
    if (!search.passes(row)) continue;
    if (filter.from !== null && (startOf(row) > filter.to || endOf(row) < filter.from)) continue;
    if (document >= 0 && columns.document[row] !== document) continue;
    if (stage >= 0 && columns.stage[row] !== stage) continue;
    const status = statusOf(row);
    const fails = [
      agent >= 0 && columns.agent[row] !== agent && "agent",
      model >= 0 && columns.model[row] !== model && "model",
      filter.statuses.size > 0 && !filter.statuses.has(status) && "status",
      filter.repairs && !isRepair(row) && "repairs",
      filter.retries && !isRetried(row) && "retries",
    ].filter(Boolean);
    if (fails.length > 1) continue;
    const only = fails[0];
    if (!only || only === "agent") add(counts.agent, columns.agent[row]);
    if (!only || only === "model") add(counts.model, columns.model[row]);
    if (!only || only === "status") add(counts.status, status);
    if ((!only || only === "repairs") && isRepair(row)) counts.repairs += 1;
    if ((!only || only === "retries") && isRetried(row)) counts.retries += 1;
    if (!only) rows.push(row);
  }
  const key = SORTS[filter.sort].of;
  if (key) rows.sort((a, b) => key(b) - key(a) || a - b);
  return { rows, counts };
}

// Names of fields whose values say nothing that a reader searches for.
const NOT_SEARCHED = new Set(["schema", "role", "status", "mode", "started_at", "method", "structured_output", "finish_reason", "difference"]);

/** Looks for a text in all calls, a few milliseconds at a time, so that the page never waits. */
class Search {
  constructor() {
    this.needle = "";
    this.found = new Uint8Array(count);
    this.turn = 0;
    this.done = true;
    this.looked = 0;
    this.shown = 0;
  }

  passes(row) {
    return this.needle === "" || this.found[row] === 1;
  }

  start(query, onProgress) {
    const needle = query.trim().toLowerCase();
    if (needle === this.needle) return;
    // What a longer text stands in, its beginning stands in too.
    const narrower = this.done && this.needle !== "" && needle.includes(this.needle);
    const before = this.found;
    this.needle = needle;
    this.found = new Uint8Array(count);
    this.shared = new Map();
    this.turn += 1;
    this.looked = 0;
    this.done = needle === "";
    this.shown = performance.now();
    if (!this.done) this.advance(this.turn, 0, narrower ? before : null, onProgress);
  }

  advance(turn, row, before, onProgress) {
    if (turn !== this.turn) return;
    const limit = performance.now() + 10;
    let at = row;
    while (at < count && performance.now() < limit) {
      if (!before || before[at] === 1) this.found[at] = this.isIn(at) ? 1 : 0;
      at += 1;
    }
    this.done = at >= count;
    this.looked = at;
    // Showing costs more than looking.
    const now = performance.now();
    if (this.done || now - this.shown > 150) {
      this.shown = now;
      onProgress();
    }
    if (!this.done) setTimeout(() => this.advance(turn, at, before, onProgress), 0);
  }

  isIn(row) {
    return this.holds(agentOf(row)) || this.holds(modelOf(row)) || this.inValue(details.get(row));
  }

  holds(text) {
    return text.toLowerCase().includes(this.needle);
  }

  inValue(value, key = "") {
    if (typeof value === "string") return this.holds(value);
    if (typeof value === "number" && (key === "content" || key === "raw_answer")) return this.inShared(value);
    if (Array.isArray(value)) return value.some((item) => this.inValue(item, key));
    if (value === null || typeof value !== "object") return false;
    return Object.entries(value).some(([name, item]) => !NOT_SEARCHED.has(name) && this.inValue(item, name));
  }

  inShared(index) {
    let found = this.shared.get(index);
    if (found === undefined) this.shared.set(index, (found = this.holds(texts.get(index))));
    return found;
  }
}

const search = new Search();
