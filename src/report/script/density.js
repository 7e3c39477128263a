// The whole run in one strip: how many calls were under way at each moment, by status. Dragging
// chooses a stretch of time.

const density = { canvas: byId("density"), band: byId("band"), rows: [], colours: new Map() };

function drawDensity(rows) {
  density.rows = rows;
  const { canvas } = density;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0) return;
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const slots = Math.max(1, Math.floor(width / 2));
  const { totals, most } = underWay(rows, slots);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const base = new Float64Array(slots);
  // The calls that went well lie at the bottom, and what did not stands out above them.
  for (const status of STATUSES) {
    if (!totals.has(status)) continue;
    context.fillStyle = colourOf(status);
    totals.get(status).forEach((value, slot) => {
      if (value === 0) return;
      const tall = Math.max(1, (value / most) * (height - 2));
      context.fillRect((slot * width) / slots, height - base[slot] - tall, width / slots + 0.5, tall);
      base[slot] += tall;
    });
  }
  canvas.setAttribute("aria-label", `Calls under way over ${duration(wholeSpan.to - wholeSpan.from)}, at most ${whole.format(Math.ceil(most))} at once`);
}

/** As the style has it, in the theme of now. */
function colourOf(status) {
  const known = density.colours.get(status);
  if (known) return known;
  const probe = el("span", { class: `status ${status}` });
  density.band.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  density.colours.set(status, color);
  return color;
}

function recolourDensity() {
  density.colours.clear();
  drawDensity(density.rows);
}

/** Calls under way by status in each slot of the run's time; and the most of all slots. */
function underWay(rows, slots) {
  const totals = new Map();
  const scale = slots / (wholeSpan.to - wholeSpan.from);
  for (const row of rows) {
    const status = statusOf(row);
    if (!totals.has(status)) totals.set(status, new Float64Array(slots + 1));
    const changes = totals.get(status);
    const first = Math.min(slots - 1, Math.max(0, Math.floor((startOf(row) - wholeSpan.from) * scale)));
    const end = Math.min(slots, Math.max(first + 1, Math.floor((endOf(row) - wholeSpan.from) * scale)));
    changes[first] += 1;
    changes[end] -= 1;
  }
  const sums = new Float64Array(slots);
  for (const [status, changes] of totals) {
    let value = 0;
    const values = changes.subarray(0, slots).map((change) => (value += change));
    values.forEach((at, slot) => (sums[slot] += at));
    totals.set(status, values);
  }
  return { totals, most: Math.max(1, ...sums) };
}

/** Marks the stretch of time that the list shows. */
function showBand(span) {
  const scale = 100 / (wholeSpan.to - wholeSpan.from);
  density.band.style.left = `${Math.max(0, (span.from - wholeSpan.from) * scale)}%`;
  density.band.style.width = `${Math.min(100, (span.to - span.from) * scale)}%`;
  density.band.classList.toggle("chosen", filter.from !== null);
}

function listenToDensity() {
  const { canvas } = density;
  let from = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return wholeSpan.from + share * (wholeSpan.to - wholeSpan.from);
  };
  canvas.addEventListener("pointerdown", (event) => {
    from = at(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from !== null) showBand({ from: Math.min(from, at(event)), to: Math.max(from, at(event)) });
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [low, high] = [Math.min(from, at(event)), Math.max(from, at(event))];
    from = null;
    const isDrag = high - low > (wholeSpan.to - wholeSpan.from) / 200;
    filterBy(isDrag ? { from: low, to: high } : { from: null, to: null });
  });
}
