// A step of the history in the graph: what stayed keeps its place on screen, what vanished is seen faintly where it
// stood, and a legend counts.

import { reveal, setExtent } from "./camera.js";
import { esc, say } from "./dom.js";
import { anchorShift, changesOf } from "./graph_changes.js";
import { wordsOf } from "./graph_svg.js";

const BESIDE = 16; // pixels between a ghost and the box that took its place
const TRIES = 4; // a ghost that finds no free place to the right by then lies behind what is there

/** After a step what stayed keeps its place, if the graph is then as well in view as it was: whether it does. */
export function staysInPlace(pane, before) {
  const { camera, view } = pane;
  const shift = anchorShift(before, view, changesOf(before, view).kept);
  if (!shift) return false;
  const x = camera.x - shift.x * camera.zoom, y = camera.y - shift.y * camera.zoom;
  const { clientWidth: w, clientHeight: h } = camera.stage;
  const inView = x >= 0 && y >= 0 && x + view.width * camera.zoom <= w && y + view.height * camera.zoom <= h;
  if (!camera.touched && !inView && view.height <= before.height) return false; // the whole may fit again
  if (!camera.touched && !inView && wasWhole(camera, before)) return false;
  Object.assign(camera, { x, y });
  setExtent(camera, view.width, view.height, camera.top);
  if (pane.byId.has(pane.marks.selected)) reveal(camera, pane.byId.get(pane.marks.selected));
  return true;
}

const wasWhole = ({ stage, zoom }, { width, height }) => width * zoom <= stage.clientWidth && height * zoom <= stage.clientHeight;

/** What vanished, faint, and how much of each there is. */
export function drawChanges(pane, scene, changes, changed) {
  const { stage, view, isBig } = pane;
  stage.querySelector(".ghosts")?.remove();
  if (changes && !isBig)
    stage.querySelector(".world").insertAdjacentHTML("afterbegin", `<g class="ghosts" aria-hidden="true">${ghostsOf(scene.earlier, view, changes)}</g>`);
  const counts = { appeared: changes?.appeared.size ?? 0, vanished: changes?.vanished.length ?? 0, changed: changes ? changed : 0 };
  const parts = Object.entries(counts).filter(([, count]) => count);
  const legend = stage.querySelector(".changes");
  legend.hidden = !parts.length;
  legend.innerHTML = parts.map(([kind, count]) => `<span class="${kind}"><i></i>${esc(say(scene.labels, `graph.${kind}_count`, { count }))}</span>`).join("");
}

/** The markup of the boxes that vanished, where they stood among those that stayed, or beside what took their place. */
function ghostsOf(before, now, { vanished, kept }) {
  const shift = anchorShift(before, now, kept) ?? { x: 0, y: 0 };
  return vanished.map((n) => {
    const ghost = { ...n, x: n.x + shift.x, y: n.y + shift.y };
    for (let tries = 0; tries < TRIES; tries++) {
      const over = now.nodes.filter((box) => covers(box, ghost));
      if (!over.length) break;
      ghost.x = Math.max(...over.map((box) => box.x + box.w / 2)) + BESIDE + n.w / 2;
    }
    const { title } = wordsOf(n);
    return (
      `<g class="ghost" data-ghost="${esc(n.id)}" transform="translate(${Math.round(ghost.x)} ${Math.round(ghost.y)})">` +
      `<rect x="${-n.w / 2}" y="${-n.h / 2}" width="${n.w}" height="${n.h}" rx="7"/><text y="4">${esc(title)}</text></g>`
    );
  }).join("");
}

const covers = (box, ghost) => Math.abs(box.x - ghost.x) < (box.w + ghost.w) / 2 && Math.abs(box.y - ghost.y) < (box.h + ghost.h) / 2;
