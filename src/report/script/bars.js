// A call as a bar on the time axis: waiting, then each request with the backoff before it.

/** The stretches of a call, in milliseconds from its start. */
function stretches(row) {
  const total = durationOf(row);
  const status = statusOf(row);
  const list = [];
  let at = 0;
  const add = (kind, length, always) => {
    const end = Math.min(total, at + length);
    if (end > at || always) list.push({ kind, from: at, to: Math.max(at, end) });
    at = Math.max(at, end);
  };
  add("wait", columns.wait_ms[row], false);
  const requests = requestsOf(row);
  requests.forEach(([delay, length, failed], index) => {
    add("backoff", delay, false);
    const isLast = index === requests.length - 1;
    add(isLast ? `last ${status}` : failed ? "retried" : "request", isLast ? Math.max(length, total - at) : length, true);
  });
  if (requests.length === 0) add(`last ${status}`, total - at, true);
  return list;
}

/** Draws the call into `track`, whose width is the time from `span.from` to `span.to`. */
function drawBar(track, row, span) {
  const scale = 100 / (span.to - span.from);
  const bars = stretches(row).map(({ kind, from, to }) => {
    const bar = el("i", { class: `bar ${kind}` });
    bar.style.left = `${((startOf(row) + from - span.from) * scale).toFixed(3)}%`;
    bar.style.width = `${((to - from) * scale).toFixed(3)}%`;
    return bar;
  });
  track.replaceChildren(...bars);
}

/** Round places for marks on an axis of this length. */
function ticks({ from, to }, most) {
  const rough = Math.max(1, (to - from) / most);
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3];
  const step = steps.find((candidate) => candidate >= rough) ?? Math.ceil(rough / 3600e3) * 3600e3;
  const places = [];
  for (let place = Math.ceil(from / step) * step; place <= to; place += step) places.push(place);
  return { step, places };
}

function drawAxis(axis, span, width) {
  const { step, places } = ticks(span, Math.max(2, Math.floor(width / 90)));
  // The last one would be cut off.
  const whole = places.filter((place) => (place - span.from) / (span.to - span.from) < 0.95);
  const marks = whole.map((place) => {
    const mark = el("span", {}, offset(place, step));
    mark.style.left = `${((place - span.from) / (span.to - span.from)) * 100}%`;
    return mark;
  });
  axis.replaceChildren(...marks);
}

function showLegend() {
  const present = STATUSES.filter((status) => columns.status.some((found) => (found ?? "running") === status));
  const sample = (kind) => el("span", { class: "sample", "aria-hidden": "true" }, el("i", { class: `bar ${kind}` }));
  const items = present.map((status) => el("li", {}, sample(`last ${status}`), statusIcon(status), STATUS_WORDS[status]));
  const further = [["wait", "waiting for a free slot"], ["backoff", "backoff before a retry"], ["retried", "request that failed and was sent again"]];
  items.push(...further.map(([kind, words]) => el("li", {}, sample(kind), words)));
  items.push(el("li", {}, el("span", { class: "branch", "aria-hidden": "true" }), "repair of the call above"));
  byId("legend").replaceChildren(...items);
}
