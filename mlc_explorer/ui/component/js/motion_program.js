// A block's view turned into functions of its loop variables. The index trees of `schema.motion` become closures, and
// what is linear in the loops, which is nearly everything, becomes one sum of products.

const OPERATORS = {
  "+": (a, b) => (v) => a(v) + b(v),
  "-": (a, b) => (v) => a(v) - b(v),
  "*": (a, b) => (v) => a(v) * b(v),
  "//": (a, b) => (v) => Math.floor(a(v) / b(v)),
  "%": (a, b) => (v) => modulo(a(v), b(v)),
  "min": (a, b) => (v) => Math.min(a(v), b(v)),
  "max": (a, b) => (v) => Math.max(a(v), b(v)),
  "<": (a, b) => (v) => Number(a(v) < b(v)),
  "<=": (a, b) => (v) => Number(a(v) <= b(v)),
  "==": (a, b) => (v) => Number(a(v) === b(v)),
  "!=": (a, b) => (v) => Number(a(v) !== b(v)),
  "and": (a, b) => (v) => Number(Boolean(a(v)) && Boolean(b(v))),
  "or": (a, b) => (v) => Number(Boolean(a(v)) || Boolean(b(v))),
  "not": (a) => (v) => Number(!a(v)),
  "if": (a, b, c) => (v) => (a(v) ? b(v) : c(v)),
};

/** With the divisor's sign, as in Python and in TensorIR's floormod. */
function modulo(a, b) {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/**
 * The program of a MotionView. `steps` times it runs; a step is one iteration, or all lanes of a vectorized loop. Of an
 * access `element` is the place in the buffer, counted row by row, `address` in bytes, `indices` one function a
 * dimension; they are null where the place depends on data. `guard` is null where it always happens. `perLane` says how
 * far element and address move from lane to lane, null where that differs.
 */
export function compileMotion(view) {
  const places = new Map(view.loops.map((loop, i) => [loop.var, i]));
  const compile = (tree) => compileTree(tree, places);
  const { lanes } = view;
  const perLane = (tree) => {
    const sum = lanes > 1 ? linear(tree, places) : null;
    return sum && (sum.terms.get(view.loops.length - 1) ?? 0);
  };
  return {
    view, lanes,
    steps: view.iterations / lanes,
    line: view.caches[0].line,
    extents: view.loops.map((loop) => loop.extent),
    starts: view.loops.map((loop) => loop.start),
    stepLoops: view.loops.length - (lanes > 1 ? 1 : 0), // how many loops a step moves through
    predicate: view.predicate === null ? null : compile(view.predicate),
    accesses: view.accesses.map((access) => compileAccess(access, view.buffers, compile, perLane)),
  };
}

function compileAccess(access, buffers, compile, perLane) {
  const index = buffers.findIndex((b) => b.name === access.buffer);
  const buffer = buffers[index];
  const common = { buffer: index, isWrite: access.is_write, initial: access.initial, known: access.indices !== null };
  if (!common.known) return { ...common, element: null, address: null, indices: null, guard: null };
  const sum = (strides, scale, from) =>
    access.indices.reduce((all, tree, d) => ["+", all, ["*", tree, strides[d] * scale]], from);
  const element = sum(rowMajor(buffer.shape), 1, 0);
  const address = sum(buffer.strides, buffer.itemsize, buffer.start);
  return {
    ...common,
    indices: access.indices.map(compile),
    element: compile(element),
    address: compile(address),
    perLane: { element: perLane(element), address: perLane(address) },
    guard: access.guard === null ? null : compile(access.guard),
  };
}

/** How far apart neighbours along each dimension are, in elements, where rows stand one after another. */
export function rowMajor(shape) {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

function compileTree(tree, places) {
  const sum = linear(tree, places);
  if (sum) return compileSum(sum);
  const [operator, ...parts] = tree;
  return OPERATORS[operator](...parts.map((part) => compileTree(part, places)));
}

/** `tree` as {constant, terms: loop → factor}, or null where it is not linear. */
function linear(tree, places) {
  if (typeof tree === "number") return { constant: tree, terms: new Map() };
  if (typeof tree === "string") return { constant: 0, terms: new Map([[places.get(tree), 1]]) };
  const [operator, ...parts] = tree;
  if (!["+", "-", "*"].includes(operator)) return null;
  const [a, b] = parts.map((part) => linear(part, places));
  if (!a || !b) return null;
  if (operator === "*") return b.terms.size ? (a.terms.size ? null : scaled(b, a.constant)) : scaled(a, b.constant);
  const sign = operator === "-" ? -1 : 1;
  const terms = new Map(a.terms);
  for (const [loop, factor] of b.terms) terms.set(loop, (terms.get(loop) ?? 0) + sign * factor);
  return { constant: a.constant + sign * b.constant, terms };
}

const scaled = ({ constant, terms }, by) => ({
  constant: constant * by,
  terms: new Map([...terms].map(([loop, factor]) => [loop, factor * by])),
});

function compileSum({ constant, terms }) {
  const [[i, a] = [], [j, b] = [], ...more] = terms;
  if (!terms.size) return () => constant;
  if (terms.size === 1) return (v) => constant + a * v[i];
  if (terms.size === 2) return (v) => constant + a * v[i] + b * v[j];
  const loops = more.map(([loop]) => loop);
  const factors = more.map(([, factor]) => factor);
  return (v) => {
    let sum = constant + a * v[i] + b * v[j];
    for (let n = 0; n < loops.length; n++) sum += factors[n] * v[loops[n]];
    return sum;
  };
}
