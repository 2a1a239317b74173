// A scene: one state of the history as far as every pane needs it. Its functions, the one that is shown, that
// function's own text and loops, and the index over them. Scenes are made anew at every change and are cheap:
// what they hold is asked for once (`payloads.js`), and the index is kept by what it was made of.

import { ask, placeOf } from "./payloads.js";
import { makeIndex } from "./program_index.js";

const NOTHING = Promise.resolve(null);
const indexes = new WeakMap(); // program → [tree, index]

/** Which state a pane shows: {n, token, title} for `at`: now, before, other or a number; null where there is none. */
export function stateAt(data, at) {
  const { states, cursor } = data;
  if (at === "other") return data.other?.token ? { n: "other", ...data.other } : null;
  const n = at === "now" ? cursor : at === "before" ? Math.max(0, cursor - 1) : Math.min(Number(at), states.length - 1);
  return { n, ...states[n] };
}

/** A promise of the scene of a state for a selection {node, function, path}. `sure`: the kind of a function that is known. */
export async function makeScene(at, selection, sure) {
  const { token } = at;
  const early = sure && sure.function === selection.function ? functionParts(token, sure.function, sure.kind) : null;
  const info = await ask(placeOf(token, "state"));
  const chosen = info.functions.find((f) => f.name === selection.function) ?? info.functions.find((f) => f.name === info.entry);
  const last = info.steps.at(-1);
  const parts = early && chosen.name === sure.function ? early : functionParts(token, chosen.name, chosen.kind);
  const same = last?.changed.includes(chosen.name);
  const [program, loops, diff] = await Promise.all([
    ...parts.map(orNothing), same ? orNothing(ask(placeOf(token, "diff", chosen.name))) : NOTHING,
  ]);
  return {
    at, info, program, loops,
    diff: diff?.before.length ? diff : null,
    function: chosen.name,
    kind: chosen.kind,
    index: indexOf(program, loops),
    touched: last ? new Set([...last.changed, ...last.added].filter((name) => name !== info.entry)) : new Set(),
  };
}

function functionParts(token, name, kind) {
  return [ask(placeOf(token, "program", name)), kind === "loops" ? ask(placeOf(token, "loops", name)) : NOTHING];
}

/** What was refused is nothing to the scene: the pane that shows it says why. A lost state is another matter. */
function orNothing(answer) {
  return answer.catch((error) => {
    if (error.lost) throw error;
    return null;
  });
}

/** Ask now for what a click on a node with this function will show. */
export function lookAhead(token, info, name) {
  const known = info.functions.find((f) => f.name === name);
  if (known) functionParts(token, name, known.kind).forEach((part) => part.catch(() => {}));
}

function indexOf(program, tree) {
  if (!program) return makeIndex(null, tree);
  const kept = indexes.get(program);
  if (kept?.[0] === tree) return kept[1];
  const index = makeIndex(program, tree);
  indexes.set(program, [tree, index]);
  return index;
}

/** `thing` of one state in the terms of another: paths go along with the steps between them, forward or back. */
export function carry(thing, from, to) {
  if (!thing || from === to || typeof from.at.n !== "number" || typeof to.at.n !== "number") return thing;
  if (thing.kind === "line") return carryLine(thing, from, to);
  if (thing.kind !== "loop" && thing.kind !== "block") return thing;
  const steps = (from.at.n < to.at.n ? to : from).info.steps;
  let place = `${from.function}:${thing.id}`;
  for (let n = from.at.n; n < to.at.n; n++) place = forward(steps[n], place);
  for (let n = from.at.n; n > to.at.n; n--) place = backward(steps[n - 1], place);
  return place === null ? null : { ...thing, id: place.slice(place.indexOf(":") + 1) };
}

const forward = (step, place) => (place !== null && place in step.moved ? step.moved[place] : place);

function backward(step, place) {
  return Object.entries(step.moved).find(([, now]) => now === place)?.[0] ?? place;
}

/** A line is known again in another text by its words, where they stand there once. */
function carryLine(thing, from, to) {
  const words = from.program.lines[thing.id - 1]?.trim();
  const found = to.program.lines.flatMap((line, i) => (line.trim() === words ? [i + 1] : []));
  return found.length === 1 ? { kind: "line", id: found[0] } : null;
}
