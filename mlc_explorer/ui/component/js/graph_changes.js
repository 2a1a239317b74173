// What a step did to a graph: boxes that appeared, vanished, changed, and which of the others is which. Names alone do
// not tell, because after a fusion they are given anew: boxes are the same whose ancestors are the same; then those
// whose descendants are; then those of one name and operator; then those of one operator between the same neighbours.

const MOST = 3000; // boxes; beyond, a comparison would be felt
const known = new WeakMap(); // view → view → changes

/**
 * From GraphView `before` to `now`: {appeared: Set of ids, vanished: [nodes], changed: Set of ids, kept: Map from old id
 * to new}. `changed` are boxes that are still there and are now computed by another function.
 */
export function changesOf(before, now) {
  if (!known.has(before)) known.set(before, new WeakMap());
  const kept = known.get(before);
  if (!kept.has(now)) kept.set(now, compare(before, now));
  return kept.get(now);
}

function compare(before, now) {
  if (before.nodes.length + now.nodes.length > MOST) return { appeared: new Set(), vanished: [], changed: new Set(), kept: new Map() };
  const kept = matched(before, now);
  const back = new Map([...kept].map(([old, id]) => [id, old]));
  const old = new Map(before.nodes.map((n) => [n.id, n]));
  const counts = (n) => n.family !== "constant"; // a group that opens or closes brings and takes its constants
  return {
    appeared: new Set(now.nodes.filter((n) => counts(n) && !back.has(n.id)).map((n) => n.id)),
    vanished: before.nodes.filter((n) => counts(n) && !kept.has(n.id)),
    changed: new Set(now.nodes.filter((n) => back.has(n.id) && old.get(back.get(n.id)).function !== n.function).map((n) => n.id)),
    kept,
  };
}

function matched(before, now) {
  const kept = new Map(), taken = new Set();
  const pairUp = (keyBefore, keyNow) => {
    const open = new Map();
    for (const n of now.nodes) {
      const key = taken.has(n.id) ? null : keyNow(n);
      if (key !== null) open.set(key, [...(open.get(key) ?? []), n.id]);
    }
    for (const n of before.nodes) {
      const key = kept.has(n.id) ? null : keyBefore(n);
      const ids = key === null ? [] : (open.get(key) ?? []).filter((id) => !taken.has(id));
      if (!ids.length) continue;
      const id = ids.includes(n.id) ? n.id : ids[0];
      kept.set(n.id, id);
      taken.add(id);
    }
  };
  const [a, b] = [neighboursOf(before), neighboursOf(now)];
  const [upA, upB] = signatures([[before, a.sources], [now, b.sources]]);
  const [downA, downB] = signatures([[before, a.targets], [now, b.targets]]);
  pairUp((n) => `${upA.get(n.id)} ${downA.get(n.id)}`, (n) => `${upB.get(n.id)} ${downB.get(n.id)}`);
  pairUp((n) => (n.family === "constant" ? null : upA.get(n.id)), (n) => upB.get(n.id));
  pairUp((n) => downA.get(n.id), (n) => downB.get(n.id));
  pairUp((n) => `${n.id} ${kindOfNode(n)}`, (n) => `${n.id} ${kindOfNode(n)}`);
  const origin = new Map([...kept].map(([old, id]) => [id, old]));
  const beside = (n, { sources, targets }, name) => {
    const ids = [...(sources.get(n.id) ?? []), "", ...(targets.get(n.id) ?? [])].map((id) => (id === "" ? "|" : name(id) ?? "?"));
    return ids.every((id) => id === "?" || id === "|") ? null : `${kindOfNode(n)} ${ids.join()}`;
  };
  pairUp((n) => beside(n, a, (id) => (kept.has(id) ? id : null)), (n) => beside(n, b, (id) => origin.get(id)));
  return kept;
}

const kindOfNode = (n) => `${n.op}|${n.shape}|${n.family}`;

function neighboursOf({ edges }) {
  const sources = new Map(), targets = new Map();
  const add = (map, id, other) => map.get(id)?.push(other) ?? map.set(id, [other]);
  for (const { source, target } of edges) {
    add(sources, target, source);
    add(targets, source, target);
  }
  return { sources, targets };
}

/** For each [view, neighbours] a number per node that is the same where the node and all that it leads to are. */
function signatures(views) {
  const numbers = new Map();
  return views.map(([{ nodes }, neighbours]) => {
    const found = new Map(), byId = new Map(nodes.map((n) => [n.id, n]));
    for (const start of nodes) {
      const stack = [start.id]; // no recursion: a chain may be thousands deep
      while (stack.length) {
        const id = stack.at(-1), next = (neighbours.get(id) ?? []).filter((other) => byId.has(other));
        const open = found.has(id) ? [] : next.filter((other) => !found.has(other));
        if (open.length && stack.length <= nodes.length) {
          stack.push(...open);
          continue;
        }
        stack.pop();
        if (found.has(id)) continue;
        const key = `${kindOfNode(byId.get(id))}<${next.map((other) => found.get(other) ?? 0).sort().join()}`;
        if (!numbers.has(key)) numbers.set(key, numbers.size + 1);
        found.set(id, numbers.get(key));
      }
    }
    return found;
  });
}

/** How far what was kept moved, {x, y}: the median, so that most of it can keep its place on screen. Null if nothing was. */
export function anchorShift(before, now, kept) {
  const there = new Map(now.nodes.map((n) => [n.id, n]));
  const pairs = before.nodes.filter((n) => kept.has(n.id)).map((n) => [n, there.get(kept.get(n.id))]);
  if (!pairs.length) return null;
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return { x: median(pairs.map(([a, b]) => b.x - a.x)), y: median(pairs.map(([a, b]) => b.y - a.y)) };
}
