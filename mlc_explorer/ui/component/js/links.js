// Which loop or block a line belongs to, and which lines belong to a loop or block, at every level.
// TVMScript carries marks; LLVM IR and assembly carry, for each line, the TVMScript line it came from.

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

/** An index over a TextView and the LoopTree of the same function (either may be null). */
export function makeLinks(view, tree) {
  const flat = flatten(tree);
  const links = {
    marks: view?.marks ?? [],
    nodes: new Map(flat.map(({ node }) => [node.path, node])),
    parents: new Map(flat.map(({ node, parent }) => [node.path, parent])),
    headers: new Map(),
  };
  const byLine = flat.map(({ node }) => node).filter((n) => n.line != null).sort((a, b) => a.line - b.line);
  links.owners = (view?.links ?? []).map((origin) => (origin == null ? null : nodeAt(byLine, origin)));
  for (const mark of links.marks) if (!links.headers.has(mark.line)) links.headers.set(mark.line, mark);
  return links;
}

/** The innermost mark at a line (1-based) as {path, kind}, or null. */
export function markAt(links, line) {
  if (links.owners.length) {
    const node = links.owners[line - 1];
    return node && { path: node.path, kind: node.kind };
  }
  let inner = null;
  for (const mark of links.marks)
    if (mark.line <= line && line <= mark.end && (!inner || mark.end - mark.line <= inner.end - inner.line))
      inner = mark;
  return inner;
}

/** Bodies do not overlap but nest, so that the last header at or above a line is the innermost one. */
function nodeAt(byLine, line) {
  let found = null;
  for (const node of byLine) {
    if (node.line > line) break;
    found = node;
  }
  return found;
}

/** The lines of `path` as ranges {from, to, header}; `header` says that the first line names it. */
export function rangesOf(links, path) {
  if (!path) return [];
  if (!links.owners.length)
    return links.marks.filter((m) => m.path === path).map((m) => ({ from: m.line, to: m.end, header: true }));
  const ranges = [];
  links.owners.forEach((node, i) => {
    if (!node || !isWithin(links, node.path, path)) return;
    const last = ranges.at(-1);
    if (last && last.to === i) last.to = i + 1;
    else ranges.push({ from: i + 1, to: i + 1, header: false });
  });
  return ranges;
}

/** The line to bring into view for `path`: its header, or the start of the longest run of its instructions. */
export function lineOf(links, path) {
  const longer = (a, b) => (b.header || b.to - b.from <= a.to - a.from ? a : b);
  return rangesOf(links, path).reduce((a, b) => (a ? longer(a, b) : b), null)?.from ?? null;
}

function isWithin(links, path, ancestor) {
  for (let p = path; p != null; p = links.parents.get(p)) if (p === ancestor) return true;
  return false;
}
