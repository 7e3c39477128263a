// The documents of a run and the stages that they went through.

// Documents that are listed at first, and with each further step.
const FIRST_DOCUMENTS = 12;
const MORE_DOCUMENTS = 200;

const DOCUMENT_STATUS = {
  failed: { icon: "failed", words: "failed" }, running: { icon: "running", words: "not finished" },
  untold: { icon: "cancelled", words: "not told" }, succeeded: { icon: "succeeded", words: "succeeded" },
};

function spentCells({ calls, tokens, cost_usd: cost }) {
  if (calls === 0) return ["0", "–", "–"];
  return [number(calls), short(tokens), cost === null ? UNKNOWN : dollars(Number(cost))];
}

/** A link to the calls, where there are any. */
function callsLink(kind, value, calls) {
  const attributes = { class: "link", title: `Show the calls of this ${kind}` };
  return calls > 0 ? button(name(value), () => filterBy({ [kind]: value }), attributes) : name(value);
}

function flowTables() {
  if (!run.flow) return [];
  return [documentTable(run.flow.documents), stageTable(run.flow.stages)];
}

function stageTable(stages) {
  if (stages.length === 0) return null;
  const rows = stages.map((stage) => [
    callsLink("stage", stage.name, stage.spent.calls), number(stage.visits), number(stage.failed), number(stage.retried), ...spentCells(stage.spent), stage.visits > 0 ? duration(stage.duration_ms) : "–",
  ]);
  return table("By stage", ["Stage", "Visits", "Failed", "Retried", "Calls", "Tokens", "Cost", "Time"], rows);
}

/** Those first that a reader must look at; all others as they came up. */
function documentTable(documents) {
  if (documents.length === 0) return null;
  const ranks = Object.keys(DOCUMENT_STATUS);
  const sorted = [...documents].sort((a, b) => ranks.indexOf(a.status) - ranks.indexOf(b.status));
  const states = ranks.map((status) => [status, documents.filter((document) => document.status === status).length]).filter(([, many]) => many > 0);
  const caption = `By document: ${states.map(([status, many]) => `${number(many)} ${DOCUMENT_STATUS[status].words}`).join(", ")}`;
  const heads = ["Document", "Status", "Stages passed", "Calls", "Tokens", "Cost", "Duration"];
  const built = table(caption, heads, sorted.slice(0, FIRST_DOCUMENTS).map(documentCells));
  built.classList.add("documents");
  let listed = Math.min(sorted.length, FIRST_DOCUMENTS);
  const more = button("", () => {
    const rows = table("", heads, sorted.slice(listed, listed + MORE_DOCUMENTS).map(documentCells)).querySelectorAll("tbody tr");
    built.querySelector("tbody").append(...rows);
    listed += rows.length;
    label();
  }, { class: "link more" });
  const label = () => {
    more.textContent = `Show ${number(Math.min(MORE_DOCUMENTS, sorted.length - listed))} more of ${number(sorted.length)}`;
    more.hidden = listed >= sorted.length;
  };
  label();
  built.append(more);
  return built;
}

function documentCells(document) {
  const status = DOCUMENT_STATUS[document.status];
  const notes = [document.error && words(document.error), document.resumed && "resumed"].filter(Boolean);
  return [
    callsLink("document", document.id, document.spent.calls),
    el("span", { class: "state" }, statusIcon(status.icon), [status.words, ...notes].join(", ")),
    document.passed.length > 0 ? name(document.passed.join(" → ")) : "–",
    ...spentCells(document.spent), document.duration_ms === null ? "–" : duration(document.duration_ms),
  ];
}
