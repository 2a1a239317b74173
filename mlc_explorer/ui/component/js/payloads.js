// Payloads by digest. A digest never changes its content, so that one fetched stays for the visit,
// and the browser's own cache keeps it beyond.

const RETRIES_MS = [250, 1000, 3000]; // the server publishes again at the next rerun
const KEPT = 200;
const payloads = new Map();
const looks = new Map(); // promises by place
const coming = new Map(); // promises by digest, so that two panes never ask twice

/** Where the app is mounted, with a trailing slash: Streamlit's own scripts stand in <base>/static/js/. */
export function basePath() {
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

function keep(digest, payload) {
  payloads.delete(digest);
  payloads.set(digest, payload);
  if (payloads.size > KEPT) payloads.delete(payloads.keys().next().value);
  return payload;
}

/**
 * A promise of what the server has ready for a place such as `ahead/<token>/<function>`: entries by name, whose
 * payloads are kept like all others. Null if it has nothing: a look ahead is never needed.
 */
export function lookUp(place) {
  if (!looks.has(place)) {
    const look = fetch(basePath() + place)
      .then((answer) => (answer.ok ? answer.json() : null))
      .catch(() => null);
    looks.set(place, look);
    if (looks.size > KEPT) looks.delete(looks.keys().next().value);
    look.then((found) => found ?? looks.delete(place));
  }
  return looks.get(place);
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
