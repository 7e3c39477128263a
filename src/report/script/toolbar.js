// The filter's controls, and what they say about the calls that pass.

function option(value, label) {
  return el("option", { value }, label);
}

function showChoices(counts) {
  const choices = (select, all, names, map, chosen) => {
    const options = names.map((each, index) => [each, map.get(index) ?? 0]).map(([each, passing]) => option(each, `${name(each)} (${number(passing)})`));
    select.replaceChildren(option("", all), ...options);
    select.value = chosen;
  };
  choices(byId("agent"), "all", columns.agents, counts.agent, filter.agent);
  choices(byId("model"), "all", columns.models, counts.model, filter.model);
  byId("sort").value = filter.sort;
  const chip = (label, passing, pressed, change) => button([label, el("span", { class: "passing" }, number(passing))], change, { class: "chip", "aria-pressed": pressed, disabled: passing === 0 && !pressed });
  keepFocus(byId("statuses"), STATUSES.filter((status) => statusesOfRun.has(status)).map((status) => {
    const toggled = new Set(filter.statuses);
    if (!toggled.delete(status)) toggled.add(status);
    return chip([statusIcon(status), STATUS_WORDS[status]], counts.status.get(status) ?? 0, filter.statuses.has(status), () => filterBy({ statuses: toggled }));
  }));
  const chosen = ["document", "stage"].filter((kind) => filter[kind] !== "");
  keepFocus(byId("only"), [
    ...["repairs", "retries"].map((only) => chip([`only ${only}`], counts[only], filter[only], () => filterBy({ [only]: !filter[only] }))),
    ...chosen.map((kind) => button([`${kind} ${name(filter[kind])}`, icon("close")], () => filterBy({ [kind]: "" }), { class: "chip", "aria-pressed": true, title: `All ${kind}s` })),
  ]);
}

const statusesOfRun = new Set(allRows.map(statusOf));

/** Puts new elements into `parent`; the one in the place of that with the focus gets it. */
function keepFocus(parent, elements) {
  const focused = [...parent.children].indexOf(document.activeElement);
  parent.replaceChildren(...elements);
  if (focused >= 0) parent.children[focused]?.focus();
}

function showCount() {
  const looking = search.done ? "" : `, searching ${Math.floor((100 * search.looked) / count)} %`;
  byId("count").textContent = isFiltered() ? `${number(list.rows.length)} of ${counted(count, "call")}${looking}` : counted(count, "call");
  byId("reset").hidden = !isFiltered();
  byId("empty").textContent = search.done ? "No call passes the filter." : "Searching…";
}

/** Applies the filter to the list, and keeps the current call current when it is still there. */
function apply() {
  const current = list.open ?? list.rows[list.active];
  const { rows, counts } = select();
  list.rows = rows;
  list.active = Math.max(0, rows.indexOf(current));
  showChoices(counts);
  showCount();
  placeBelowToolbar();
  drawDensity(rows);
  drawList();
}

function filterBy(changes) {
  Object.assign(filter, changes);
  if (byId("query").value !== filter.query) byId("query").value = filter.query;
  search.start(filter.query, apply);
  apply();
  remember("replace");
}

function listenToToolbar() {
  byId("sort").replaceChildren(...Object.entries(SORTS).map(([value, { name: label }]) => option(value, label)));
  byId("query").addEventListener("input", (event) => filterBy({ query: event.target.value }));
  for (const key of ["agent", "model", "sort"]) byId(key).addEventListener("change", (event) => filterBy({ [key]: event.target.value }));
  byId("reset").addEventListener("click", () => {
    clearFilter();
    filterBy({});
    list.element.focus({ preventScroll: true });
  });
}
