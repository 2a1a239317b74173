// Small things every pane needs: escaping, elements, the texts, and numbers as people read them.
// Every string that comes from a model goes through `esc` or `textContent`.

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const esc = (value) => String(value).replace(/[&<>"']/g, (c) => ENTITIES[c]);

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Whether two plain values are equal as JSON. */
export const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** A label by key, its {placeholders} filled. A missing one shows its key, so that it is noticed. */
export function say(labels, key, values = {}) {
  return (labels[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** Fill every element that names a text: data-say for its content, data-say-title for its name. */
export function sayAll(root, labels) {
  for (const e of root.querySelectorAll("[data-say]")) e.textContent = say(labels, e.dataset.say);
  for (const e of root.querySelectorAll("[data-say-title]")) {
    e.title = say(labels, e.dataset.sayTitle);
    e.setAttribute("aria-label", e.title);
  }
}

const ICONS = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  check: "M3 8.5l3.2 3.2L13 4.8",
  warning: "M8 2L14.5 13.5H1.5zM8 6.5v3.2M8 11.4v.4",
  close: "M4 4l8 8M12 4l-8 8",
  chevron: "M4.5 6.5L8 10l3.5-3.5",
  block: "M3 3h10v10H3zM6.2 6.2h3.6v3.6H6.2z",
  diff: "M8 2.5v7M4.5 6h7M4.5 13h7",
  add: "M3 3.5h10v9H3zM8 6v4M6 8h4",
  back: "M10 3.5L5.5 8l4.5 4.5",
  forward: "M6 3.5L10.5 8 6 12.5",
  more: "M4 8h.01M8 8h.01M12 8h.01",
  present: "M2.5 3.5h11v7h-11zM8 10.5v3M5.5 13.5h5",
  help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 11.6v.4",
  together: "M4.5 2.5v11M2.5 11.5l2 2 2-2M11.5 13.5v-11M9.5 4.5l2-2 2 2",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.1 3.1",
  fold: "M8 1.5v4M5.8 3.5L8 5.7l2.2-2.2M3 8h10M8 14.5v-4M5.8 12.5L8 10.3l2.2 2.2",
  unfold: "M8 5.7v-4M5.8 3.7L8 1.5l2.2 2.2M3 8h10M8 10.3v4M5.8 12.3L8 14.5l2.2-2.2",
  save: "M8 2.5v7M5 7l3 3 3-3M3 13h10",
  up: "M4.5 9.5L8 6l3.5 3.5",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
};

/** An icon as SVG text, drawn in the current colour. */
export const icon = (name, size = 14) =>
  `<svg class="icon" viewBox="0 0 16 16" width="${size}" height="${size}" aria-hidden="true">` +
  `<path d="${ICONS[name]}"/></svg>`;

const trimmed = (value, digits) => String(Number(value.toPrecision(digits)));

/** A duration given in milliseconds, three significant digits: 2.11 µs, 18.4 ms, 1.95 s. */
export function formatTime(ms) {
  if (ms == null || !Number.isFinite(ms)) return "–";
  if (ms === 0) return "0 ms";
  if (ms < 1e-3) return `${trimmed(ms * 1e6, 3)} ns`;
  if (ms < 1) return `${trimmed(ms * 1e3, 3)} µs`;
  if (ms < 1e3) return `${trimmed(ms, 3)} ms`;
  return `${trimmed(ms / 1e3, 3)} s`;
}

/** A count with a metric prefix: 231 M, 1.07 G. Small ones stand in full. */
export function formatCount(count) {
  if (count == null) return "–";
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e4]])
    if (count >= size) return `${trimmed(count / (unit === "k" ? 1e3 : size), 3)} ${unit}`;
  return count.toLocaleString("en-US");
}

/** Bytes with a binary prefix: 1.61 MiB. */
export function formatBytes(bytes) {
  if (bytes == null) return "–";
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
    if (bytes >= size) return `${trimmed(bytes / size, 3)} ${unit}`;
  return `${bytes} B`;
}

/** A person's choice, kept over visits; storage may be closed, and then the choice lasts for the visit. */
export function remembered(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`mlc.${key}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`mlc.${key}`, JSON.stringify(value));
  } catch {
    // private browsing: nothing to do
  }
}

/** Mark the root light or dark, by the brightness of the page's background. */
export function followTheme(root) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#fff";
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  const theme = 0.299 * r + 0.587 * g + 0.114 * b < 128 ? "dark" : "light";
  const changed = root.dataset.theme !== theme;
  root.dataset.theme = theme;
  return changed;
}

/** Call `done` when what is on screen now has been painted (at once in a hidden tab). */
export function afterPaint(done) {
  if (document.hidden) return void setTimeout(done, 0);
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(null);
  });
}
