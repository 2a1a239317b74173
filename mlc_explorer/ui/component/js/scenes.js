// A scene: one state of the history as far as every pane needs it. Its functions, the one that is shown, that
// function's own text and loops, and the index over them. Scenes are made anew at every change and are cheap:
// what they hold is asked for once (`payloads.js`), and the index is kept by what it was made of.

import { ask, placeOf } from "./payloads.js";
import { makeIndex } from "./program_index.js";

const NOTHING = Promise.resolve(null);
const SUFFIX = /(_[A-Za-z0-9]+|#\d+)$/;
const indexes = new WeakMap(); // program → [tree, index]
const origins = new WeakMap(); // scene → scene → loops by the loop that they were made of

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

/**
 * `thing` of one state in the terms of another, or null. Loops and blocks go along with the steps between, forward or
 * back; where a step made a loop, the way back leads to the one that it was made of. In another workspace, and where
 * a step put a new loop in an old one's place, names tell.
 */
export function carry(thing, from, to) {
  if (!thing || from === to || thing.kind === "buffer" || thing.kind === "node") return thing;
  if (from.function !== to.function && isNumber(from) && isNumber(to)) return null;
  if (thing.kind === "line") return carryLine(thing, from, to);
  const id = counterpart(to.index, follow(thing.id, from, to), isNumber(to) && from.at.n < to.at.n);
  return id === null ? null : { kind: to.index.nodes.get(id)?.kind ?? thing.kind, id };
}

/** What else of `to` a loop of `from` stands for: those that steps made of it. */
export function madeOf(thing, from, to) {
  if (thing.kind !== "loop" || from === to) return [];
  const main = carry(thing, from, to)?.id;
  return (originsOf(from, to).get(thing.id) ?? []).filter((id) => id !== main).map((id) => ({ kind: "loop", id }));
}

const isNumber = ({ at }) => typeof at.n === "number";

function follow(path, from, to) {
  if (!isNumber(from) || !isNumber(to)) return path;
  const { steps } = (from.at.n < to.at.n ? to : from).info;
  let place = `${from.function}:${path}`;
  for (let n = from.at.n; n < to.at.n; n++) place = steps[n].moved[place] ?? place;
  for (let n = from.at.n; n > to.at.n; n--) place = backward(steps[n - 1], place);
  return place.slice(place.indexOf(":") + 1);
}

const backward = (step, place) => Object.entries(step.moved).find(([, now]) => now === place)?.[0] ?? place;

/** `path` where the index has it, else (unless `exact`) the loop or block with its name less suffixes: i_0 was made of i. */
function counterpart(index, path, exact) {
  if (index.nodes.has(path)) return path;
  if (exact || !index.nodes.size) return index.byPath.has(path) ? path : null;
  const [block, loop] = path.split("/");
  for (const b of shortened(block)) {
    if (loop === undefined && index.nodes.has(b)) return b;
    for (const l of loop === undefined ? [] : shortened(loop)) if (index.nodes.has(`${b}/${l}`)) return `${b}/${l}`;
  }
  return null;
}

/** TVM names what it makes by a suffix: i_1, matmul_init, i_j_fused. */
function shortened(name) {
  const names = [name];
  for (let less = name.replace(SUFFIX, ""); less !== names.at(-1); less = less.replace(SUFFIX, "")) names.push(less);
  return names;
}

/** For each loop of `from` those of `to` that lead back to it; kept, because a pointer asks at every move. */
function originsOf(from, to) {
  if (!origins.has(from)) origins.set(from, new WeakMap());
  const kept = origins.get(from);
  if (kept.has(to)) return kept.get(to);
  const found = new Map();
  for (const { kind, path } of to.index.nodes.values()) {
    const back = kind === "loop" ? carry({ kind, id: path }, to, from)?.id : null;
    if (back != null) found.set(back, [...(found.get(back) ?? []), path]);
  }
  kept.set(to, found);
  return found;
}

/** A line is known again in another text by its words, where they stand there once. */
function carryLine(thing, from, to) {
  const words = from.program?.lines[thing.id - 1]?.trim();
  const found = (to.program?.lines ?? []).flatMap((line, i) => (line.trim() === words ? [i + 1] : []));
  return found.length === 1 ? { kind: "line", id: found[0] } : null;
}
