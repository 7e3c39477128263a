// The run: what stands in the page as JSON. Contents of calls are read piece by piece, when needed.

/** A long list in several elements, each read at its first use. */
class Pieces {
  constructor(kind, firsts) {
    this.elements = document.querySelectorAll(`script[data-kind="${kind}"]`);
    this.firsts = firsts;
    this.read = new Array(firsts.length);
  }

  get(index) {
    let [low, high] = [0, this.firsts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.firsts[middle] <= index) low = middle;
      else high = middle - 1;
    }
    this.read[low] ??= JSON.parse(this.elements[low].textContent);
    return this.read[low][index - this.firsts[low]];
  }
}

const run = JSON.parse(document.querySelector('script[data-kind="run"]').textContent);
const columns = run.calls;
const count = columns.id.length;
const details = new Pieces("calls", run.call_pieces);
const texts = new Pieces("texts", run.text_pieces);

const statusOf = (row) => columns.status[row] ?? "running";
const agentOf = (row) => columns.agents[columns.agent[row]];
const modelOf = (row) => columns.models[columns.model[row]];
const startOf = (row) => columns.start_ms[row] ?? 0;
const requestsOf = (row) => columns.requests[row];
const isRetried = (row) => requestsOf(row).length > 1;
const tokensOf = (row) => {
  const [input, output] = [columns.input_tokens[row], columns.output_tokens[row]];
  return input === null && output === null ? null : (input ?? 0) + (output ?? 0);
};

/** A call that runs has lasted until the report was written. */
function durationOf(row) {
  const known = columns.duration_ms[row];
  if (known !== null) return known;
  return statusOf(row) === "running" ? Math.max(0, run.written_at_ms - columns.origin_ms - startOf(row)) : 0;
}

const endOf = (row) => startOf(row) + durationOf(row);

/** The calls of an execution stand in a row. */
function executionOf(row) {
  const own = columns.execution[row];
  let [first, last] = [row, row];
  while (first > 0 && columns.execution[first - 1] === own) first -= 1;
  while (last + 1 < count && columns.execution[last + 1] === own) last += 1;
  return { first, last };
}

/** What the repair `row` repairs, or `null`. */
function repairedBy(row) {
  const before = row - 1;
  if (columns.attempt[row] <= 1 || before < 0 || columns.execution[before] !== columns.execution[row]) return null;
  // What follows an answer that asked for tools repairs nothing.
  return statusOf(before) === "succeeded" ? null : before;
}

const isRepair = (row) => repairedBy(row) !== null;

/** Which repair of its execution `row` is, from 1. */
function repairNumber(row) {
  let number = 0;
  for (let other = executionOf(row).first; other <= row; other += 1) number += isRepair(other);
  return number;
}

/** A text of a call: texts that several calls share are numbers. */
const textOf = (text) => (typeof text === "number" ? texts.get(text) : text);

function spanOf(rows) {
  let [from, to] = [Infinity, 0];
  for (const row of rows) {
    from = Math.min(from, startOf(row));
    to = Math.max(to, endOf(row));
  }
  return from < to ? { from, to } : { from: Number.isFinite(from) ? from : 0, to: (Number.isFinite(from) ? from : 0) + 1 };
}

const allRows = Array.from({ length: count }, (_, row) => row);
const rowById = new Map(columns.id.map((id, row) => [id, row]));
const wholeSpan = spanOf(allRows);
