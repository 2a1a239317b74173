// What comes from the server. Payloads by digest: a digest never changes its content, so that one fetched
// stays for the visit, and the browser's own cache keeps it beyond. Answers by place: what a pane asks about a state.

const RETRIES_MS = [250, 1000, 3000]; // the server publishes again at the next rerun
const KEPT = 100, KEPT_ANSWERS = 400;
const payloads = new Map();
const answers = new Map(); // what panes asked for, by place
const calls = new Map(); // what is on its way, by place
const coming = new Map(); // promises by digest, so that two panes never ask twice

/** Where the app is mounted, with a trailing slash: Streamlit's own scripts stand in <base>/static/js/. */
function basePath() {
  const script = document.querySelector('script[src*="static/js/"]');
  return script ? new URL("../../", script.src).href : new URL("./", document.baseURI).href;
}

/** The payload of an entry {digest, inline?} if it is already here, null for no entry, else undefined. */
export function known(entry) {
  if (!entry) return null;
  if (!payloads.has(entry.digest) && entry.inline !== undefined) keep(entry.digest, entry.inline);
  return payloads.get(entry.digest);
}

/** A promise of the payload; `onMissing` is called when the server lacks it, before it is asked again. */
export function load(entry, onMissing) {
  const { digest } = entry;
  if (!coming.has(digest)) {
    const arrival = fetchPayload(digest, onMissing)
      .then((payload) => keep(digest, payload))
      .finally(() => coming.delete(digest));
    coming.set(digest, arrival);
  }
  return coming.get(digest);
}

const keep = (digest, payload) => keepIn(payloads, digest, payload, KEPT);

/** Put an answer at the end of a map that forgets its oldest. */
function keepIn(map, key, value, most) {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
  return value;
}

/** Where a pane asks: the `view` of the state `token`, of a function, with arguments. */
export function placeOf(token, view, func, args) {
  const query = new URLSearchParams();
  if (func != null) query.set("function", func);
  if (args && Object.keys(args).length) query.set("args", JSON.stringify(args));
  return `panes/${token}/${view}?${query}`;
}

/** The answer of a place if it is here, else undefined. */
export const here = (place) => answers.get(place);

/**
 * A promise of a place's answer. It rejects with {message, hint, paths, lost}: what the server refused, or
 * `lost` where it does not know the state (any more) or gives no answer. `hangUp` ends it for who no longer needs it.
 */
export function ask(place) {
  if (answers.has(place)) return Promise.resolve(keepIn(answers, place, answers.get(place), KEPT_ANSWERS));
  const call = calls.get(place) ?? startCall(place);
  call.users++;
  return call.promise;
}

export function hangUp(place) {
  const call = calls.get(place);
  if (!call || --call.users > 0) return;
  calls.delete(place);
  call.control.abort();
}

function startCall(place) {
  const control = new AbortController();
  const call = { users: 0, control };
  call.promise = fetchAnswer(place, control.signal)
    .then((answer) => keepIn(answers, place, answer, KEPT_ANSWERS))
    .finally(() => calls.get(place) === call && calls.delete(place));
  call.promise.catch(() => {}); // whoever asked hears of it
  calls.set(place, call);
  return call;
}

async function fetchAnswer(place, signal) {
  let answer;
  try {
    answer = await fetch(basePath() + place, { signal });
    if (answer.ok) return await answer.json();
    if (answer.status === 409) throw await answer.json();
  } catch (error) {
    if (error?.message !== undefined && error.hint !== undefined) throw error;
    if (signal.aborted) throw { message: "", hint: "", aborted: true };
  }
  throw { message: "", hint: "", lost: true };
}

async function fetchPayload(digest, onMissing) {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`${basePath()}blob/${digest}`).catch(() => null);
    if (answer?.ok) return answer.json();
    if (attempt === RETRIES_MS.length) throw new Error(`payload ${digest}: ${answer?.status ?? "no answer"}`);
    onMissing?.();
    await new Promise((resolve) => setTimeout(resolve, RETRIES_MS[attempt]));
  }
}
