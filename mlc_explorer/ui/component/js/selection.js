// What the linked view shows, told to the other views of the page in the same frame, long before Python hears of a
// click; and the other way round, what another view wants to be seen there. All views of a page share this module.

const followers = new Map(); // root → callback
const hints = new Map();
let shown = null;

/** The linked view shows `at`: {token, function, kind, path}. */
export function announce(at) {
  shown = at;
  tellAll(followers, at);
}

/** What the linked view announced last, or null. */
export const announced = () => shown;

/** Calls `follow(at)` at each announcement, as long as `root` is in the page. */
export const followAnnounced = (root, follow) => void followers.set(root, follow);

/** Whether a view that follows stands in the page. */
export const isFollowed = () => [...followers.keys()].some((root) => root.isConnected);

/** Asks the linked view to light `paths` (`lasting`: with `message`, until it is taken back by null). */
export const pointOut = (hint) => tellAll(hints, hint);

/** Calls `show(hint)` for what another view points out, {paths, message, lasting} or null. */
export const followHints = (root, show) => void hints.set(root, show);

function tellAll(listeners, what) {
  for (const [root, listener] of listeners) {
    if (root.isConnected) listener(what);
    else listeners.delete(root);
  }
}
