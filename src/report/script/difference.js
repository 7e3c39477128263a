// What a repair changed: side by side where there is room, in one text where there is not.

const KEPT_AROUND = 3;

/** Rows of pieces; a row ends where a line ends in both texts. */
function rowsOfPieces(pieces) {
  const rows = [];
  let row = [];
  const close = () => {
    if (row.length > 0) rows.push(row);
    row = [];
  };
  for (const [change, text] of pieces) {
    if (change !== 0) {
      row.push([change, text]);
      continue;
    }
    for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
      row.push([0, line]);
      if (line.endsWith("\n")) close();
    }
  }
  close();
  return rows;
}

const isChanged = (row) => row.some(([change]) => change !== 0);

/** Rows far from every change become one that says how many they are. */
function foldRows(rows) {
  const near = new Uint8Array(rows.length);
  rows.forEach((row, at) => {
    if (isChanged(row)) near.fill(1, Math.max(0, at - KEPT_AROUND), at + KEPT_AROUND + 1);
  });
  const folded = [];
  for (let at = 0; at < rows.length; at += 1) {
    if (near[at]) {
      folded.push(rows[at]);
      continue;
    }
    let end = at;
    while (end + 1 < rows.length && !near[end + 1]) end += 1;
    if (end - at < 4) folded.push(...rows.slice(at, end + 1));
    else folded.push({ hidden: rows.slice(at, end + 1) });
    at = end;
  }
  return folded;
}

const TAGS = { "-1": "del", 0: "span", 1: "ins" };
const withChange = (row, kept) => row.filter(([change]) => change === 0 || change === kept).map(([change, text]) => el(TAGS[change], {}, ...shown(text)));
const inline = (row) => row.map(([change, text]) => el(TAGS[change], {}, ...shown(text)));

function rowElements(row) {
  if (!row.hidden) {
    const changed = isChanged(row) ? "changed" : "";
    return [
      el("div", { class: `side old ${changed}` }, ...withChange(row, -1)),
      el("div", { class: `side new ${changed}` }, ...withChange(row, 1)),
      el("div", { class: `inline ${changed}` }, ...inline(row)),
    ];
  }
  const unfold = button(`${counted(row.hidden.length, "unchanged line")}`, () => unfold.replaceWith(...row.hidden.flatMap(rowElements)), { class: "unchanged" });
  return [unfold];
}

function differenceView(difference, before, after) {
  if (!difference.pieces) return el("p", { class: "faint" }, "The answers are too long to be compared.");
  const rows = foldRows(rowsOfPieces(difference.pieces));
  const heads = [el("div", { class: "side head" }, before), el("div", { class: "side head" }, after), el("div", { class: "inline head" }, `${before} → ${after}`)];
  const changes = difference.pieces.filter(([change]) => change !== 0).length;
  if (changes === 0) return el("p", { class: "faint" }, "The two answers are the same.");
  return el("div", { class: "difference" }, ...heads, ...rows.flatMap(rowElements));
}
