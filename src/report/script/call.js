// One call in full.

const panel = byId("call");

function openCall(row, history) {
  list.open = row;
  const place = list.rows.indexOf(row);
  if (place >= 0) list.active = place;
  panel.replaceChildren(...callView(row));
  panel.hidden = false;
  panel.scrollTop = 0;
  byId("panes").classList.add("with-call");
  document.body.classList.add("reads-call");
  placePanel();
  if (history) remember(history);
  drawList();
  if (isNarrow() || history === "push") panel.focus({ preventScroll: true });
}

function closeCall(history) {
  if (list.open === null) return;
  list.open = null;
  panel.hidden = true;
  panel.replaceChildren();
  byId("panes").classList.remove("with-call");
  document.body.classList.remove("reads-call");
  placePanel();
  if (history) remember(history);
  drawList();
  list.element.focus({ preventScroll: true });
}

const isNarrow = () => matchMedia("(max-width: 900px)").matches;

/** On a small screen the call covers the page, which must not be reached meanwhile. */
function placePanel() {
  const covers = list.open !== null && isNarrow();
  panel.setAttribute("aria-modal", covers);
  for (const part of [document.querySelector("header"), byId("notices"), byId("figures"), byId("tables"), byId("toolbar"), list.element, byId("legend")]) part.inert = covers;
  if (list.open !== null && !covers) {
    const top = byId("work").getBoundingClientRect().top;
    if (top > 1) window.scrollBy(0, top);
  }
  placeBelowToolbar();
}

/** Tells the style how tall the part of the page is that never scrolls away. */
function placeBelowToolbar() {
  const toolbar = byId("toolbar");
  const above = getComputedStyle(toolbar).position === "sticky" ? toolbar.offsetHeight : 0;
  byId("panes").style.setProperty("--above", `${above}px`);
}

function callView(row) {
  const record = details.get(row);
  return [callHead(row), el("div", { class: "call-body" },
    executionNav(row), problemSection(record), differenceSection(row, record), answerSection(record),
    messagesSection(record), textSection("Reasoning", record.reasoning), timingSection(row, record), factsSection(row, record),
    jsonSection("Provider data", record.provider_data), redactionSection(record), promptsSection(record),
    jsonSection("Context", record.context, "the variables of the prompts"), ...wireSections(record), recordSection(record))];
}

function callHead(row) {
  const status = statusOf(row);
  const place = list.rows.indexOf(row);
  const step = (by, label, key, mark) => button(icon(mark), () => move(list.active + by), { class: "quiet", "aria-label": `${label} (${key})`, title: `${label} (${key})`, disabled: place < 0 || list.rows[place + by] === undefined });
  return el("header", { class: "call-head" },
    el("div", {},
      el("h2", { id: "call-title" }, statusIcon(status), `Call ${columns.number[row]}`, el("span", { class: "of-agent" }, name(agentOf(row)))),
      el("p", {}, el("span", { class: `pill ${status}` }, STATUS_WORDS[status]), el("span", {}, duration(columns.duration_ms[row])), el("span", {}, `after ${offset(startOf(row), 100)}`))),
    el("div", { class: "actions" }, step(-1, "Previous call", "k", "up"), step(1, "Next call", "j", "down"),
      button(icon("close"), () => closeCall("push"), { class: "quiet", "aria-label": "Close (Escape)", title: "Close (Escape)" })));
}

/** The calls of the same execution, each a step away. */
function executionNav(row) {
  const { first, last } = executionOf(row);
  if (first === last) return null;
  const steps = [];
  for (let other = first; other <= last; other += 1) {
    steps.push(el("li", {}, button([statusIcon(statusOf(other)), `Call ${columns.number[other]}`], () => openCall(other, "push"), {
      class: "step", "aria-current": other === row ? "step" : null, "aria-label": `Call ${columns.number[other]}, ${STATUS_WORDS[statusOf(other)]}`,
    })));
  }
  return el("nav", { class: "execution", "aria-label": "Calls of this execution" }, el("p", {}, "Execution"), el("ol", {}, ...steps));
}

function section(title, extra, ...content) {
  return el("section", { class: "part" }, el("div", { class: "part-head" }, el("h3", {}, title), extra), ...content);
}

function problemSection(record) {
  const errors = record.validation_errors ?? [];
  if (!record.error && errors.length === 0) return null;
  const items = errors.map(({ pointer, message }) => el("li", {}, el("code", {}, ...shown(pointer === "" ? "/" : pointer)), el("span", {}, ...shown(message))));
  return section(record.error ? `Error: ${words(record.error.kind)}` : "Validation errors", null,
    record.error?.message ? el("p", { class: "message" }, ...shown(record.error.message)) : null,
    items.length > 0 ? el("ul", { class: "violations" }, ...items) : null);
}

function differenceSection(row, record) {
  const before = repairedBy(row);
  if (record.difference && before !== null) {
    const note = record.difference.formatted ? "as formatted JSON" : null;
    return section("What the repair changed", note && el("span", { class: "faint" }, note), differenceView(record.difference, `Call ${columns.number[before]}, ${STATUS_WORDS[statusOf(before)]}`, `Call ${columns.number[row]}, ${STATUS_WORDS[statusOf(row)]}`));
  }
  const after = row + 1 < count && repairedBy(row + 1) === row ? row + 1 : null;
  if (after === null) return null;
  return el("p", { class: "follow" }, "The answer went back to the model. ", button(`See what call ${columns.number[after]} changed`, () => openCall(after, "push"), { class: "link" }));
}

function answerSection(record) {
  const parts = [];
  const raw = textOf(record.raw_answer);
  if (record.answer !== undefined) {
    const text = pretty(record.answer);
    parts.push(section("Answer", copyButton("the answer", () => text), reading(text, { json: true })));
  }
  if (raw !== undefined) {
    const same = record.answer !== undefined && formattedIfJson(raw) === pretty(record.answer);
    const text = section("Answer as it came", copyButton("the raw answer", () => raw), reading(raw));
    parts.push(same ? folding("Answer as it came", "the same, before it was read", () => [reading(raw)], () => raw) : text);
  }
  if (record.tool_calls) parts.push(section("Tools asked for", null, ...record.tool_calls.map(toolCall)));
  if (record.fixups) parts.push(el("p", { class: "faint" }, `To read it, this was mended: ${record.fixups.map(words).join(", ")}.`));
  return parts.length > 0 ? el("div", {}, ...parts) : null;
}

/** What the model wants done. */
function toolCall(call) {
  const text = typeof call.arguments === "string" ? call.arguments : pretty(call.arguments);
  return el("article", { class: "tool-call" }, el("div", { class: "part-head" }, el("h4", {}, name(call.name), el("span", { class: "faint" }, name(call.id))), copyButton(`the arguments of ${call.name}`, () => text)), reading(text, { json: true }));
}

function messagesSection(record) {
  if (!record.messages) return null;
  const messages = record.messages.map((message) => {
    const text = textOf(message.content);
    const calls = message.tool_calls ?? [];
    const head = el("h4", {}, message.role, message.tool_call_id ? el("span", { class: "faint" }, name(message.tool_call_id)) : null, message.is_error ? el("span", { class: "pill failed" }, "error") : null);
    const said = text === "" && calls.length > 0 ? null : reading(text);
    return el("article", { class: `message-of ${message.role}` }, el("div", { class: "part-head" }, head, copyButton(`the ${message.role} message`, () => text)), said, ...calls.map(toolCall));
  });
  return section(counted(messages.length, "message"), null, ...messages);
}

function textSection(title, text) {
  return text === undefined ? null : section(title, copyButton(title.toLowerCase(), () => text), reading(text));
}

/** A part that is built when it is opened. */
function folding(title, note, content, text) {
  const box = el("details", { class: "part" }, el("summary", {}, title, note ? el("span", { class: "faint" }, note) : null));
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) box.append(text ? el("p", { class: "tools" }, copyButton(title.toLowerCase(), text)) : "", ...content());
  });
  return box;
}

function jsonSection(title, value, note) {
  return value === undefined ? null : folding(title, note, () => [reading(pretty(value), { json: true })], () => pretty(value));
}

function timingSection(row, record) {
  const track = el("div", { class: "track", "aria-hidden": "true" });
  drawBar(track, row, { from: startOf(row), to: Math.max(endOf(row), startOf(row) + 1) });
  const facts = factList([
    ["Started", `${time(columns.origin_ms + startOf(row))}`], ["Duration", duration(record.duration_ms)],
    ["Waited for a slot", record.limiter_wait_ms && duration(record.limiter_wait_ms)], ["Backoff", record.backoff_ms && duration(record.backoff_ms)],
    ["First byte after", record.first_byte_ms !== undefined && duration(record.first_byte_ms)],
    ["First token after", record.first_token_ms !== undefined && duration(record.first_token_ms)],
  ]);
  // A call that may go to several providers says whom each request asked.
  const several = (record.attempts ?? []).some((attempt) => attempt.provider);
  const requests = (record.attempts ?? []).map((attempt, index) => [
    String(index + 1), ...(several ? [name([attempt.provider, attempt.model].filter(Boolean).join(", ") || "–")] : []), attempt.status ? String(attempt.status) : "–", attempt.error ? words(attempt.error) : "ok", attempt.delay_ms ? duration(attempt.delay_ms) : "–",
    attempt.first_byte_ms === undefined ? "–" : duration(attempt.first_byte_ms), duration(attempt.duration_ms ?? 0), attempt.request_id ? name(attempt.request_id) : "–",
  ]);
  return section("Timing", null, track, facts, requests.length > 0 ? table(counted(requests.length, "request") + " on the wire", ["#", ...(several ? ["Asked"] : []), "HTTP", "Result", "Backoff", "First byte", "Duration", "Request id"], requests) : null);
}

/** Pairs of label and value; what is absent is left out. `copies` names those worth copying. */
function factList(pairs, copies = []) {
  const items = pairs.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== 0 && value !== "").map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, el("span", {}, name(value)), copies.includes(label) ? copyButton(label.toLowerCase(), () => String(value)) : null)));
  return items.length > 0 ? el("dl", { class: "facts" }, ...items) : null;
}

function factsSection(row, record) {
  const usage = record.usage ?? {};
  const { temperature, max_output_tokens: limit, ...parameters } = record.parameters ?? {};
  const extra = Object.keys(parameters.extra ?? {}).length > 0 ? parameters.extra : undefined;
  return el("div", {},
    section("Model and cost", null, factList([
      ["Model asked", record.model], ["Model that answered", record.response_model], ["Provider", record.provider], ["Temperature", temperature === undefined ? "default" : String(temperature)],
      ["Output limit", limit && number(limit)], ["Schema enforced by", record.structured_output && words(record.structured_output)], ["Tools offered", record.tools?.join(", ")], ["Answer came", record.streamed && "in a stream"], ["Finish reason", record.finish_reason && words(String(record.finish_reason))],
      ["Tokens in", number(usage.input_tokens)], ["Cached tokens", usage.cached_tokens !== undefined && number(usage.cached_tokens)], ["Tokens cached", usage.cache_write_tokens !== undefined && number(usage.cache_write_tokens)], ["Tokens out", number(usage.output_tokens)], ["Figures", usage.estimated && "estimated, since the stream broke"], ["Reasoning tokens", usage.reasoning_tokens !== undefined && number(usage.reasoning_tokens)],
      ["Cost", record.cost_usd === undefined ? UNKNOWN : `$${record.cost_usd}`],
    ]), jsonSection("Further parameters", extra)),
    section("Ids", null, factList([
      ["Call id", record.call_id], ["Execution id", record.execution_id], ["Replay of", record.replay_of], ["Parent call", record.parent_call_id], ["Conversation", record.conversation_id], ["Job", record.job_id], ["Document", record.document_id], ["Stage", record.stage],
      ["Response id", record.response_id], ["Mode", record.mode], ["Iteration", record.iteration ? String(record.iteration) : ""], ["Call of its execution", String(record.attempt)], ["Turn", record.turn && String(record.turn)], ["Sequence", String(record.sequence)],
    ], ["Call id", "Execution id", "Conversation", "Response id", "Replay of"])));
}

function redactionSection(record) {
  const rules = Object.entries(record.redactions ?? {});
  if (rules.length === 0) return null;
  return section("Redacted", null, el("ul", { class: "inline-list" }, ...rules.map(([rule, times]) => el("li", {}, `${name(rule)} × ${number(times)}`))));
}

function promptsSection(record) {
  const parts = [...new Set([...Object.keys(record.templates ?? {}), ...Object.keys(record.prompt_hashes ?? {})])];
  if (parts.length === 0 && !record.schema_hash) return null;
  const rows = parts.map((part) => [name(part), name(record.templates?.[part] ?? "–"), name(record.prompt_hashes?.[part] ?? "–")]);
  return section("Prompts", null, rows.length > 0 ? table("", ["Part", "Template", "Hash"], rows) : null, factList([["Schema hash", record.schema_hash]]));
}

function wireSections(record) {
  return (record.wire ?? []).map((exchange, index) => folding(`Wire, request ${index + 1}`, name(`${exchange.method} ${exchange.url}`), () => [
    el("h4", {}, "Request"), headers(exchange.request_headers), reading(formattedIfJson(exchange.request_body), { json: true }),
    el("h4", {}, "Response"), headers(exchange.response_headers), reading(formattedIfJson(exchange.response_body), { json: true })]));
}

function headers(pairs) {
  return pairs?.length > 0 ? el("pre", { class: "headers" }, ...pairs.flatMap(([key, value]) => [el("span", { class: "key" }, `${name(key)}: `), ...shown(value), "\n"])) : null;
}

function recordSection(record) {
  const whole = () => {
    const { difference, ...rest } = record;
    const messages = rest.messages?.map((message) => ({ ...message, content: textOf(message.content) }));
    return pretty({ ...rest, ...(messages && { messages }), ...("raw_answer" in rest && { raw_answer: textOf(rest.raw_answer) }) });
  };
  return folding("The whole record", "as JSON", () => [reading(whole(), { json: true })], whole);
}
