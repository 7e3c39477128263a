// The top of the page: which run, what to know of it, its figures.

function showOverview() {
  document.title = `${name(run.id)} · Duologue report`;
  byId("run-id").textContent = name(run.id);
  const status = runStatus();
  const parts = [el("span", { class: `pill ${status.icon}` }, statusIcon(status.icon), status.words)];
  if (count > 0) {
    parts.push(time(columns.origin_ms), `${duration(wholeSpan.to - wholeSpan.from)} from first to last`);
  }
  if (run.log_level) parts.push(`level ${name(run.log_level)}`);
  byId("when").replaceChildren(...parts.map((part) => el("span", {}, part)));
  byId("footer").textContent = `Written ${run.written_at.replace("T", " ").slice(0, 19)} UTC by duologue ${run.version}. This page loads and sends nothing.`;
  byId("notices").replaceChildren(...notices());
  showFigures();
  byId("work").hidden = count === 0;
  byId("tables").replaceChildren(...[...flowTables(), agentTable(), errorTable()].filter(Boolean));
}

function runStatus() {
  if (count === 0) return { icon: "cancelled", words: "no calls" };
  return {
    succeeded: { icon: "succeeded", words: "succeeded" },
    failed: { icon: "failed", words: "failed" },
    partial: { icon: "invalid", words: "partly succeeded" },
    running: { icon: "running", words: "running" },
  }[run.status];
}

function notices() {
  const figures = run.figures;
  const list = [];
  const add = (kind, text, more) => list.push(el("div", { class: `notice ${kind}` }, el("p", {}, text), more ?? null));
  if (count === 0) add("plain", "The run is there, and holds no calls.");
  if (figures.calls_in_flight > 0) {
    add("plain", `${counted(figures.calls_in_flight, "call")} ${figures.calls_in_flight === 1 ? "was" : "were"} under way when this page was written. A new report shows how they ended.`);
  }
  const interrupted = columns.status.filter((status) => status === "interrupted").length;
  if (interrupted > 0) add("bad", `${counted(interrupted, "call")} never ended: the process was gone.`);
  const unreadable = run.problems.length + run.more_problems;
  if (unreadable > 0) {
    const lines = run.problems.map((problem) => el("li", {}, ...shown(problem)));
    if (run.more_problems > 0) lines.push(el("li", {}, `and ${number(run.more_problems)} more`));
    add("bad", `${counted(unreadable, "line")} of the journal cannot be read; everything else is here.`, el("ul", {}, ...lines));
  }
  if (run.losses) {
    const { journal_events: events, call_files: files, first_error: reason } = run.losses;
    add("bad", `The log could not write ${counted(events, "journal event")} and ${counted(files, "call file")}.`, el("p", {}, ...shown(reason)));
  }
  if (figures.replayed > 0) add("plain", `${counted(figures.replayed, "call")} answered from the records of an earlier run: no request left for ${figures.replayed === 1 ? "it" : "them"}.`);
  if (run.log_level === "minimal" && count > 0) add("plain", "The log level is minimal: prompts and answers were not recorded.");
  return list;
}

function showFigures() {
  const { usage, latency, ...figures } = run.figures;
  const errors = figures.errors.reduce((sum, error) => sum + error.calls, 0);
  const lacking = (calls, what) => (calls > 0 && figures.calls > 0 ? `${what} for ${counted(calls, "call")}` : null);
  const tile = (label, value, ...notes) => {
    const known = value !== UNKNOWN;
    const none = count === 0 ? "–" : UNKNOWN;
    return el("div", {}, el("dt", {}, label), el("dd", { class: known ? "value" : "value none" }, known ? value : none), el("dd", { class: "note" }, ...notes.filter(Boolean).map((note) => el("span", {}, note))));
  };
  byId("figures").replaceChildren(
    tile("Calls", number(figures.calls), figures.calls_in_flight > 0 && `${number(figures.calls_in_flight)} running`),
    tile("Executions", number(figures.executions), figures.failed_executions > 0 ? `${number(figures.failed_executions)} failed` : figures.executions > 0 && "none failed"),
    tile("Repairs", number(figures.repairs), "answers sent back"),
    tile("Retries", number(figures.retries), "requests sent again"),
    tile("Errors", number(errors), "calls with an error"),
    tile("Tokens in", short(usage.input_tokens), usage.cached_tokens !== undefined && `${short(usage.cached_tokens)} cached`, lacking(figures.calls_without_usage, "unknown")),
    tile("Tokens out", short(usage.output_tokens), usage.reasoning_tokens !== undefined && `${short(usage.reasoning_tokens)} reasoning`),
    tile("Cost", figures.cost ? costOf(figures.cost) : UNKNOWN, figures.cost && lacking(figures.calls_without_cost, "unknown"), count > 0 && !figures.cost && "no prices in the records"),
    tile("Latency p50", duration(latency.p50_ms), latency.p95_ms !== undefined && `p95 ${duration(latency.p95_ms)}`, latency.p99_ms !== undefined && `p99 ${duration(latency.p99_ms)}`),
  );
}

/** The exact sum, with the digits that a reader wants; all of them stand in the records. */
const costOf = (text) => dollars(Number(text.replace("$", "")));

function table(caption, heads, rows) {
  const head = heads.map((title, column) => el("th", { scope: "col", class: column > 0 ? "figure" : null }, title));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((cell, column) => (column === 0 ? el("th", { scope: "row" }, cell) : el("td", { class: "figure" }, cell)))));
  return el("div", { class: "table" }, el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)));
}

function agentTable() {
  const { agents } = run.figures;
  if (agents.length === 0) return null;
  const rows = agents.map((agent) => [
    button(name(agent.name), () => filterBy({ agent: agent.name }), { class: "link", title: "Show the calls of this agent" }),
    number(agent.executions), number(agent.failed_executions), number(agent.calls), number(agent.repairs), number(agent.retries),
    short(agent.usage.input_tokens), short(agent.usage.output_tokens), agent.cost ? costOf(agent.cost) + (agent.calls_without_cost > 0 ? "+" : "") : UNKNOWN,
    duration(agent.latency.p50_ms), duration(agent.latency.p95_ms),
  ]);
  return table("By agent", ["Agent", "Executions", "Failed", "Calls", "Repairs", "Retries", "Tokens in", "Tokens out", "Cost", "p50", "p95"], rows);
}

function errorTable() {
  const { errors } = run.figures;
  if (errors.length === 0) return null;
  const rows = errors.map((error) => [
    button(words(error.kind), () => filterBy({ query: error.kind }), { class: "link", title: "Show the calls with this error" }),
    number(error.calls), number(error.final_calls),
  ]);
  return table("Errors by kind", ["Error", "Calls", "Final"], rows);
}
