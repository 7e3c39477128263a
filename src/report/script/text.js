// Long texts: folded at first, then whole in blocks that the browser lays out when they are seen.

const FOLDED = 1500;
const FOLDED_LINES = 24;
const BLOCK = 20_000;
const MOST_COLOURED = 40_000;

/** Where a folded text ends. */
function foldAt(text) {
  let end = Math.min(text.length, FOLDED);
  let from = -1;
  for (let lines = 0; lines < FOLDED_LINES; lines += 1) {
    from = text.indexOf("\n", from + 1);
    if (from < 0 || from >= end) return end;
  }
  return Math.min(end, from);
}

/** Pieces of about a block, cut at line ends where there are any. */
function blocksOf(text) {
  const blocks = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + BLOCK);
    const line = text.lastIndexOf("\n", to);
    if (to < text.length && line > from) to = line + 1;
    // Not between the halves of one character.
    else if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1])) to -= 1;
    blocks.push(text.slice(from, to));
    from = to;
  }
  return blocks;
}

/** `text` as a block to read; a long one is folded until it is asked for. */
function reading(text, { json = false, open = false } = {}) {
  const box = el("div", { class: "reading" });
  const body = el("pre", { tabindex: "0" });
  const end = open ? text.length : foldAt(text);
  const isFolded = end < text.length * 0.9;
  const fill = (part) => {
    if (json && part.length <= MOST_COLOURED) body.replaceChildren(...colouredJson(part));
    else if (part.length <= BLOCK) body.replaceChildren(...shown(part));
    else body.replaceChildren(...blocksOf(part).map((block) => el("span", { class: "block" }, ...shown(block))));
  };
  fill(isFolded ? text.slice(0, end) : text);
  box.append(body);
  if (text === "") body.append(el("em", { class: "faint" }, "empty"));
  if (isFolded) {
    box.classList.add("folded");
    const unfold = button(`Show all, ${size(text.length)}`, () => {
      fill(text);
      box.classList.remove("folded");
      unfold.remove();
      body.focus();
    }, { class: "unfold" });
    box.append(unfold);
  }
  return box;
}

/** JSON with its names and values told apart. */
function colouredJson(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*/g)) {
    if (match.index > from) nodes.push(...shown(text.slice(from, match.index)));
    const isName = match[1] !== undefined;
    const kind = isName ? "key" : match[0][0] === '"' ? "string" : "literal";
    nodes.push(el("span", { class: kind }, ...shown(match[0])));
    from = match.index + match[0].length;
  }
  nodes.push(...shown(text.slice(from)));
  return nodes;
}

const pretty = (value) => JSON.stringify(value, null, 2);

/** Text that is JSON, formatted; any other as it is. */
function formattedIfJson(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? pretty(value) : text;
  } catch {
    return text;
  }
}
