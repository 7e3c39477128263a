// Figures as people read them.

const UNKNOWN = "unknown";
const STATUS_WORDS = {
  succeeded: "succeeded", invalid: "invalid", truncated: "truncated", refused: "refused", failed: "failed",
  timed_out: "timed out", cancelled: "cancelled", interrupted: "interrupted", running: "running",
};
const STATUSES = Object.keys(STATUS_WORDS);

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function number(value) {
  return value === null || value === undefined ? UNKNOWN : whole.format(value);
}

/** `12,345` up to a million, `3.46 M` from there. */
function short(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (value < 1e6) return whole.format(value);
  return value < 1e9 ? `${(value / 1e6).toFixed(2)} M` : `${(value / 1e9).toFixed(2)} G`;
}

function duration(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${whole.format(hours)} h ${minutes} min` : `${minutes} min ${rest} s`;
}

/** A place on the time axis, with as many digits as `step` needs. */
function offset(ms, step) {
  if (step >= 60_000) return duration(ms);
  if (ms >= 60_000) {
    const seconds = (ms % 60_000) / 1000;
    return `${Math.floor(ms / 60_000)}:${seconds.toFixed(step < 1000 ? 1 : 0).padStart(step < 1000 ? 4 : 2, "0")}`;
  }
  if (step >= 1000) return `${Math.round(ms / 1000)} s`;
  return step >= 10 ? `${(ms / 1000).toFixed(step >= 100 ? 1 : 2)} s` : `${Math.round(ms)} ms`;
}

function dollars(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (value === 0) return "$0";
  return value >= 0.1 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(2)).toFixed(8).replace(/0+$/, "")}`;
}

function time(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${date.toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

function size(characters) {
  if (characters < 10_000) return `${whole.format(characters)} characters`;
  return characters < 1e6 ? `${Math.round(characters / 1000)} k characters` : `${(characters / 1e6).toFixed(1)} M characters`;
}

function counted(count, noun) {
  return `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const words = (text) => text.replaceAll("_", " ");
