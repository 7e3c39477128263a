// Building elements. Text only ever becomes text: nothing here or elsewhere parses markup.

const SVG = "http://www.w3.org/2000/svg";
// Everything that changes how text around it is read, or cannot be seen at all.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
const UNSEEN_ALL = new RegExp(UNSEEN.source, "g");

const byId = (id) => document.getElementById(id);

/** An element; `attributes` may hold `on`, a map of listeners. Strings among `children` are text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (typeof value === "boolean" && !name.startsWith("aria-")) {
      element.toggleAttribute(name, value);
    } else if (value !== undefined && value !== null) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

function statusIcon(status) {
  return icon(status, `status ${status}`);
}

/** A name on one line: what cannot be seen becomes a mark. */
function name(text) {
  return String(text).replace(UNSEEN_ALL, "\ufffd").replace(/\s+/g, " ");
}

/** Text for reading, in which characters that cannot be seen are shown by their code. */
function shown(text) {
  if (!UNSEEN.test(text)) return [document.createTextNode(text)];
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN_ALL)) {
    // A text full of them is no longer read by anyone.
    if (nodes.length > 4000) break;
    nodes.push(text.slice(from, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(el("span", { class: "unseen", title: "a character that cannot be seen" }, `U+${code}`));
    from = match.index + 1;
  }
  nodes.push(text.slice(from).replace(UNSEEN_ALL, "\ufffd"));
  return nodes;
}

function button(label, listener, attributes = {}) {
  return el("button", { type: "button", on: { click: listener }, ...attributes }, label);
}

/** Tells people who do not see the page change. */
function say(words) {
  byId("said").textContent = words;
}

/** Copies `text`; where a page from a file may not, it is selected for the reader to copy. */
async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "hidden", readonly: true, "aria-hidden": "true" });
    area.value = text;
    from.after(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) return say("Copying is not allowed here");
  }
  from.classList.add("copied");
  say("Copied");
  setTimeout(() => from.classList.remove("copied"), 1200);
}

function copyButton(what, text) {
  const label = `Copy ${what}`;
  return button("Copy", (event) => copy(text(), event.currentTarget), { class: "copy", "aria-label": label });
}
