// What belongs together in one function: the lines of its own text (TVMScript or Relax), its loops and blocks,
// its buffers. Every pane speaks of *things* ({kind, id}); the index says which lines and paths a thing has.
// kind: loop, block (id: a path), binding or node (id: a node of the graph), buffer (id: its name), line.

/** All nodes of a loop tree, outermost first, as {node, parent, level} (level counts from 1). */
export function flatten(tree) {
  const flat = [];
  const walk = (nodes, parent, level) => {
    for (const node of nodes) {
      flat.push({ node, parent, level });
      walk(node.children, node.path, level + 1);
    }
  };
  if (tree) walk(tree.roots, null, 1);
  return flat;
}

/** The index of a function's own text `program` (a TextView) and its LoopTree (null for a graph function). */
export function makeIndex(program, tree) {
  const flat = flatten(tree);
  const index = {
    program, tree,
    marks: program?.marks ?? [],
    byPath: new Map(),
    headers: new Map(),
    nodes: new Map(flat.map(({ node }) => [node.path, node])),
    parents: new Map(flat.map(({ node, parent }) => [node.path, parent])),
    buffers: new Map((tree?.buffers ?? []).map((b) => [b.name, b])),
    bufferLines: null,
  };
  for (const mark of index.marks) {
    if (!index.headers.has(mark.line)) index.headers.set(mark.line, mark);
    if (!index.byPath.has(mark.path)) index.byPath.set(mark.path, mark);
  }
  return index;
}

/** The innermost mark at a line (1-based), or null. */
function markAt(index, line) {
  let inner = null;
  for (const mark of index.marks)
    if (mark.line <= line && line <= mark.end && (!inner || mark.end - mark.line <= inner.end - inner.line))
      inner = mark;
  return inner;
}

/** The thing that a line of the function's own text stands for: what its header opens, else the line itself. */
export function thingAt(index, line) {
  const mark = index.headers.get(line);
  return mark ? thingOf(mark) : { kind: "line", id: line };
}

const thingOf = (mark) => ({ kind: mark.kind === "binding" ? "node" : mark.kind, id: mark.path });

/** What a click on `thing` selects: a loop or block, a node, or null for what can't be selected. */
export function selectable(index, thing) {
  if (thing.kind !== "line") return thing.kind === "buffer" ? null : thing;
  const mark = markAt(index, thing.id);
  return mark ? thingOf(mark) : null;
}

/** Everything of the function that belongs to `thing`: {paths, lines, header, buffer, node}. */
export function resolve(index, thing) {
  const found = { paths: new Set(), lines: new Set(), header: null, buffer: null, node: null };
  if (!thing) return found;
  if (thing.kind === "line") {
    found.lines.add(thing.id);
    const mark = markAt(index, thing.id);
    if (mark?.kind === "binding") found.node = mark.path;
    else if (mark) found.paths.add(mark.path);
  } else if (thing.kind === "buffer") {
    found.buffer = thing.id;
    for (const line of linesOfBuffer(index, thing.id)) found.lines.add(line);
    for (const path of [...(index.buffers.get(thing.id)?.writers ?? []), ...(index.buffers.get(thing.id)?.readers ?? [])])
      found.paths.add(path);
  } else {
    const mark = index.byPath.get(thing.id);
    if (thing.kind === "node" || thing.kind === "binding") found.node = thing.id;
    else if (index.nodes.has(thing.id)) found.paths.add(thing.id);
    if (mark) {
      found.header = mark.line;
      for (let line = mark.line; line <= mark.end; line++) found.lines.add(line);
    }
  }
  return found;
}

function linesOfBuffer(index, name) {
  if (!index.bufferLines) {
    index.bufferLines = new Map([...index.buffers.keys()].map((n) => [n, []]));
    (index.program?.lines ?? []).forEach((text, i) => {
      for (const word of new Set(text.match(/[A-Za-z_]\w*/g))) index.bufferLines.get(word)?.push(i + 1);
    });
  }
  return index.bufferLines.get(name) ?? [];
}
