// A pane is moved by its header: the place where it would go is shown while it is dragged.

import { panesOf, placeBeside } from "./frame.js";
import { enlargement } from "./pointer.js";

const DRAG_FROM = 6; // pixels: less is a click

/** A header that is dragged takes its pane along; the place where it would go is shown. */
export function listenForDrags(frame) {
  const { host } = frame;
  let drag = null;
  const hint = document.createElement("div");
  hint.className = "drop-hint";
  const paneAt = (e) => panesOf(frame).find((p) => p.element.contains(host.getRootNode().elementFromPoint(e.clientX, e.clientY)));
  host.addEventListener("pointerdown", (e) => {
    const header = e.target.closest(".pane > header");
    if (!header || e.target.closest("button, select, input, label") || e.button !== 0 || frame.mode !== "wide") return;
    drag = { pane: panesOf(frame).find((p) => p.element === header.parentElement), x: e.clientX, y: e.clientY, on: false };
    header.setPointerCapture(e.pointerId);
  });
  host.addEventListener("pointermove", (e) => {
    if (!drag || (!drag.on && Math.hypot(e.clientX - drag.x, e.clientY - drag.y) < DRAG_FROM)) return;
    drag.on = true;
    drag.to = paneAt(e) ?? null;
    drag.side = drag.to && drag.to !== drag.pane ? sideOf(drag.to.element.getBoundingClientRect(), e) : null;
    showHint(host, hint, drag);
  });
  const end = (e) => {
    hint.remove();
    if (drag?.on && drag.side && e.type === "pointerup") placeBeside(frame, drag.pane, drag.to, drag.side);
    drag = null;
  };
  host.addEventListener("pointerup", end);
  host.addEventListener("pointercancel", end);
}

function sideOf(box, { clientX, clientY }) {
  const x = (clientX - box.left) / box.width - 0.5, y = (clientY - box.top) / box.height - 0.5;
  if (Math.abs(x) > Math.abs(y)) return x < 0 ? "left" : "right";
  return y < 0 ? "above" : "below";
}

function showHint(host, hint, { to, side }) {
  if (!side) return hint.remove();
  const frame = host.getBoundingClientRect(), box = to.element.getBoundingClientRect();
  const k = enlargement(host);
  const half = { left: [0, 0, 0.5, 1], right: [0.5, 0, 0.5, 1], above: [0, 0, 1, 0.5], below: [0, 0.5, 1, 0.5] }[side];
  Object.assign(hint.style, {
    left: `${(box.left - frame.left + half[0] * box.width) / k}px`, top: `${(box.top - frame.top + half[1] * box.height) / k}px`,
    width: `${(half[2] * box.width) / k}px`, height: `${(half[3] * box.height) / k}px`,
  });
  host.append(hint);
}
