// A run: the steps of a block one after another, and a simulated cache that sees their accesses. The command line
// simulates the same in Python (engine/cache_simulation.py), and a test compares the two.

const LOOK_AT_CLOCK = 256; // steps
const NEVER = 255;

/** A run that begins at `step` with cold caches. `seen(access, element, made)` hears of every access, if it is given. */
export function makeRun(program, step = 0, seen = null) {
  const { view } = program;
  const run = {
    program, seen,
    from: step,
    at: step - 1, // the step that was done last
    values: new Float64Array(view.loops.length),
    levels: view.caches.map(makeLevel),
    made: 0,
    misses: view.caches.map(() => 0),
    buffers: view.buffers.map(() => ({ made: 0, misses: view.caches.map(() => 0) })),
    met: new Uint8Array(program.accesses.length).fill(NEVER), // for the last step: how many caches missed
  };
  if (step > 0) setStep(run, step - 1);
  return run;
}

export const isDone = (run) => run.at + 1 >= run.program.steps;

/** The iterations that were done since the run began. */
export const iterationsOf = (run) => (run.at + 1 - run.from) * run.program.lanes;

/** How many caches missed at an access of the last step: 0 is a hit in the nearest; null: it was not made. */
export const missesOf = (run, access) => (run.met[access] === NEVER ? null : run.met[access]);

function makeLevel({ size, ways, line }) {
  const sets = Math.max(1, Math.floor(size / (line * ways)));
  return { sets, ways, tags: new Float64Array(sets * ways).fill(-1) };
}

/** Whether `line` is in the cache, where it is from now on. A set's lines stand from most to least recently used. */
function holds(level, line) {
  const { ways, tags } = level;
  const first = (line % level.sets) * ways;
  if (tags[first] === line) return true;
  let at = 1;
  while (at < ways && tags[first + at] !== line) at++;
  const hit = at < ways;
  for (let i = Math.min(at, ways - 1); i > 0; i--) tags[first + i] = tags[first + i - 1];
  tags[first] = line;
  return hit;
}

/** The lines that the nearest cache holds. */
export const linesHeld = (run) => run.levels[0].tags.filter((line) => line >= 0);

/** The loop variables as they are in `step`; lanes stand at their first. */
function setStep(run, step) {
  const { extents, starts, stepLoops } = run.program;
  if (stepLoops < extents.length) run.values[stepLoops] = starts[stepLoops];
  for (let i = stepLoops - 1, rest = step; i >= 0; i--) {
    run.values[i] = starts[i] + (rest % extents[i]);
    rest = Math.floor(rest / extents[i]);
  }
  run.at = step;
}

/** Do the next step. */
export function advance(run) {
  const { extents, starts, stepLoops, accesses, lanes } = run.program;
  if (run.at + 1 === run.from) setStep(run, run.from);
  else {
    const { values } = run;
    let i = stepLoops - 1;
    while (i >= 0 && ++values[i] === starts[i] + extents[i]) values[i--] = starts[i + 1];
    run.at++;
  }
  for (let i = 0; i < accesses.length; i++) {
    run.met[i] = NEVER;
    if (!accesses[i].known) continue;
    if (lanes === 1) touch(run, i, accesses[i], -1);
    else touchLanes(run, i, accesses[i]);
  }
}

/** Lanes one after another; a line that the lane before has fetched is not asked for again. */
function touchLanes(run, i, access) {
  const { lanes, starts, stepLoops, predicate, line } = run.program;
  const { perLane } = access;
  if (!predicate && !access.guard && perLane.element !== null && Math.abs(perLane.address) <= line) return touchRow(run, i, access);
  let before = -1;
  for (let lane = 0; lane < lanes; lane++) {
    run.values[stepLoops] = starts[stepLoops] + lane;
    before = touch(run, i, access, before);
  }
  run.values[stepLoops] = starts[stepLoops];
}

/** Lanes that stand in a row without a condition: the lines from the first to the last. */
function touchRow(run, i, access) {
  const { program, values } = run;
  const { perLane } = access;
  const [element, address] = [access.element(values), access.address(values)];
  if (run.seen) for (let lane = 0; lane < program.lanes; lane++) run.seen(access, element + lane * perLane.element, run.made);
  const last = Math.floor((address + (program.lanes - 1) * perLane.address) / program.line);
  for (let line = Math.floor(address / program.line); ; line += Math.sign(perLane.address)) {
    fetchLine(run, i, access, line);
    if (line === last) return;
  }
}

/** One access at the present values, unless it is guarded off or falls on the line `before`; returns its line. */
function touch(run, i, access, before) {
  const { program, values } = run;
  if ((program.predicate && !program.predicate(values)) || (access.guard && !access.guard(values))) return before;
  run.seen?.(access, access.element(values), run.made);
  const line = Math.floor(access.address(values) / program.line);
  if (line !== before) fetchLine(run, i, access, line);
  return line;
}

function fetchLine(run, i, access, line) {
  const buffer = run.buffers[access.buffer];
  run.made++;
  buffer.made++;
  let missed = 0;
  while (missed < run.levels.length && !holds(run.levels[missed], line)) {
    run.misses[missed]++;
    buffer.misses[missed]++;
    missed++;
  }
  if (run.met[i] === NEVER || missed > run.met[i]) run.met[i] = missed;
}

/** Go on until `step` is done or `made` accesses are made, at most for `milliseconds`; true when it is there. */
export function runUntil(run, { step = Infinity, made = Infinity }, milliseconds = Infinity) {
  const deadline = performance.now() + milliseconds;
  for (let n = 1; !isDone(run) && run.at < step && run.made < made; n++) {
    advance(run);
    if (n % LOOK_AT_CLOCK === 0 && performance.now() > deadline) break;
  }
  return isDone(run) || run.at >= step || run.made >= made;
}

/** The elements that the last step touched: [{access, element, indices, lane, line}], in order, as far as they are known. */
export function touchedNow(run) {
  const { program, values } = run;
  const found = [];
  program.accesses.forEach((access, i) => {
    if (!access.known || run.met[i] === NEVER) return;
    for (let lane = 0; lane < program.lanes; lane++) {
      if (program.lanes > 1) values[program.stepLoops] = program.starts[program.stepLoops] + lane;
      if ((program.predicate && !program.predicate(values)) || (access.guard && !access.guard(values))) continue;
      const indices = access.indices.map((index) => index(values));
      found.push({ access: i, element: access.element(values), indices, lane, line: Math.floor(access.address(values) / program.line) });
    }
    if (program.lanes > 1) values[program.stepLoops] = program.starts[program.stepLoops];
  });
  return found;
}
