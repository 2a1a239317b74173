// Brings the panes up to date: for each the scene of its state, what its view shows of it, and then one drawing of
// all that is here. What takes a compilation is drawn when it comes; meanwhile its pane says that it is waiting.

import { arrivalOfDiff, comparedWith, comparisonOf } from "./compare.js";
import { say } from "./dom.js";
import { panesOf } from "./frame.js";
import { emptyOf } from "./guidance.js";
import { drawHeader, drawOver, isSlow, needsLoops } from "./panes.js";
import { ask, hangUp, here, placeOf } from "./payloads.js";
import { carry, makeScene, stateAt } from "./scenes.js";

const RETRIES_MS = [250, 1000, 3000]; // the server learns the states again at the next rerun
const SCENES_KEPT = 120;
const SIGN_MS = 150; // what takes longer than this shows a sign of life

/** Draw all panes of the view; false where a newer turn has come meanwhile. `retried`: a pane to ask again for. */
export async function refresh(view, retried = null) {
  const turn = (view.turn = {});
  const sign = setTimeout(() => view.root.classList.add("waiting"), SIGN_MS);
  if (retried) forget(retried);
  try {
    const scenes = await scenesAt(view, view.cursor);
    if (view.turn !== turn) return false;
    view.home = scenes.get("now");
    followSelection(view);
    const jobs = panesOf(view.frame).map((pane) => jobOf(view, pane, scenes.get(pane.at)));
    const comparison = view.showDiff ? comparisonOf(jobs) : null;
    await Promise.all([arrivalOfDiff(comparison), ...jobs.filter((job) => !job.slow).map((job) => job.arrival)]);
    if (view.turn !== turn) return false;
    view.comparison = comparison;
    for (const job of jobs) {
      if (!job.slow || job.places.every((p) => here(p) !== undefined)) paint(view, job);
      else follow(view, job);
    }
    view.retries = 0;
    return true;
  } catch (error) {
    if (view.turn === turn) failAll(view, error);
    return false;
  } finally {
    clearTimeout(sign);
    if (view.turn === turn) view.root.classList.remove("waiting");
  }
}

/** A pane that goes away needs nothing more. */
export function forget(pane) {
  pane.wanted.forEach(hangUp);
  pane.wanted = [];
  pane.arrival = pane.failure = null;
}

/** The selection goes along with the steps between the state that it was made in and the one shown. */
function followSelection(view) {
  const { anchor, home, selection } = view;
  if (!anchor || anchor.scene.function !== home.function) return;
  const path = carry(anchor.thing, anchor.scene, home)?.id ?? null;
  if (path !== selection.path) view.selection = { ...selection, path };
}

/** A promise of the scenes that the panes show when `cursor` stands, by the panes' `at`. */
export async function scenesAt(view, cursor) {
  const { data, selection, states } = view;
  const seen = { states, cursor, other: data.other };
  const sure = view.sent || cursor !== data.cursor ? null : { function: data.selection.function, kind: data.kind };
  const ats = [...new Set(["now", ...panesOf(view.frame).map((p) => p.at)])];
  const made = await Promise.all(ats.map(async (at) => {
    const state = stateAt(seen, at);
    return [at, state && (await sceneOf(view, state, selection, at === "now" ? sure : null))];
  }));
  return new Map(made);
}

/** A scene is the same object as long as it shows the same, so that panes know what they have drawn. */
async function sceneOf(view, state, selection, sure) {
  const key = `${state.token}\n${selection.function}`;
  view.scenes ??= new Map();
  if (view.scenes.has(key)) return view.scenes.get(key);
  const scene = await makeScene(state, selection, sure);
  if (view.scenes.size > SCENES_KEPT) view.scenes.delete(view.scenes.keys().next().value);
  view.scenes.set(key, scene);
  return scene;
}

/** What a pane needs now: {pane, scene, places, slow, arrival}. */
function jobOf(view, pane, scene) {
  const { levels } = view;
  const job = { pane, scene, places: [], slow: isSlow(pane.view, levels), arrival: null };
  if (!shows(view, pane, scene)) {
    forget(pane);
    return job;
  }
  pane.ask = (name, args) => ask(placeOf(scene.at.token, name, functionOf(name, scene), args));
  job.places = pane.kind.views.map((name) => placeOf(scene.at.token, name, functionOf(name, scene)));
  job.arrival = Promise.all([arrivalOf(pane, job.places), arrivalOfEarlier(view, pane, scene)]);
  return job;
}

/** Where the graph before the step is asked for, that the one shown is compared with; null where there is none. */
function earlierPlace({ states, showDiff }, pane, { at, info }) {
  return showDiff && pane.view === "graph" && at.n > 0 ? placeOf(states[at.n - 1].token, "graph", info.entry) : null;
}

/** A graph stands without the one before it, too. */
function arrivalOfEarlier(view, pane, scene) {
  const place = earlierPlace(view, pane, scene);
  return place && ask(place).catch(() => null);
}

/** Where a pane would ask for what it shows of `scene`; nowhere for what takes a compilation, which has its time. */
export function placesOf(view, pane, scene) {
  if (!shows(view, pane, scene) || isSlow(pane.view, view.levels)) return [];
  return pane.kind.views.map((name) => placeOf(scene.at.token, name, functionOf(name, scene)));
}

const shows = ({ levels }, pane, scene) => scene && (scene.kind === "loops" || !needsLoops(pane.view, levels));

const functionOf = (name, scene) => (name.startsWith("graph") ? scene.info.entry : scene.function);

/** A promise that a pane's answers are here, or that `pane.failure` says why not. It fails only for lost states. */
function arrivalOf(pane, places) {
  if (pane.arrival && places.join() === pane.wanted.join()) return pane.arrival;
  pane.wanted.filter((place) => !places.includes(place)).forEach(hangUp);
  pane.wanted = places;
  pane.failure = null;
  pane.arrival = Promise.all(places.map(ask)).catch((error) => {
    if (pane.wanted !== places || error.aborted) return;
    if (error.lost) {
      pane.arrival = null;
      throw error;
    }
    pane.failure = error;
  });
  return pane.arrival;
}

/** Draw what has arrived, or say why there is nothing. */
function paint(view, { pane, scene, places }) {
  const { labels, states } = view;
  drawHeader(pane, labels, states, whereOf(view, pane, scene));
  const over = overOf(view, pane, scene);
  if (over) {
    pane.drawn = false;
    return drawOver(pane, over, labels);
  }
  const payloads = Object.fromEntries(pane.kind.views.map((name, i) => [name, here(places[i]) ?? null]));
  const home = scene === view.home;
  pane.scene = scene;
  pane.kind.draw(pane.inner, payloads, {
    ...scene, labels, levels: view.levels, selection: view.selection, theme: view.root.dataset.theme,
    problem: home ? view.problem : null,
    compared: comparedWith(view.comparison, pane) ?? (view.showDiff && scene.diff ? { diff: scene.diff, side: null } : null),
    earlier: here(earlierPlace(view, pane, scene)) ?? null,
    state: { n: scene.at.n, changed: changedNodes(payloads.graph, scene) },
  });
  pane.drawn = true;
  drawOver(pane, null, labels);
}

const changedNodes = (graph, { touched }) => (graph?.nodes ?? []).filter((n) => touched.has(n.function)).map((n) => n.id);

/** A pane that takes a compilation: what it shows is stale, and says so, until the new text is here. */
function follow(view, job) {
  const { pane, scene } = job;
  drawHeader(pane, view.labels, view.states, whereOf(view, pane, scene));
  if (pane.drawn) pane.kind.light(pane.inner, []); // its links belong to another text
  pane.drawn = false;
  const waiting = { title: say(view.labels, "pane.compiling"), waiting: true };
  const sign = setTimeout(() => drawOver(pane, waiting, view.labels), SIGN_MS);
  job.arrival.catch(() => {}).then(() => {
    clearTimeout(sign);
    if (pane.wanted !== job.places || view.home === null) return;
    paint(view, job);
    view.lit();
  });
}

function whereOf(view, pane, scene) {
  if (pane.at === "now" || !scene) return "";
  if (pane.at === "other") return scene.at.title;
  const { n, title } = scene.at;
  return `${n} ${n === 0 ? say(view.labels, "trace.start") : title}`;
}

function overOf(view, pane, scene) {
  const { labels, data } = view;
  if (!scene) return { title: say(labels, "pane.other_title"), text: say(labels, "pane.other_text"), error: data.other?.error, ask: "link" };
  const { failure } = pane;
  if (failure) return { title: failure.message || say(labels, "failed.title"), text: failure.hint, button: say(labels, "failed.again") };
  if (scene.kind !== "loops" && needsLoops(pane.view, view.levels))
    return emptyOf(scene, labels);
  return null;
}

/** The server knows the states no more (it was restarted), or gives no answer: Python is asked to say them again. */
function failAll(view, error) {
  const { labels } = view;
  const retry = RETRIES_MS[view.retries ?? 0];
  if (error?.lost && retry !== undefined) {
    view.retries = (view.retries ?? 0) + 1;
    view.resend();
    setTimeout(() => refresh(view).then((done) => done && view.lit()), retry);
    return;
  }
  const title = error?.message || say(labels, "failed.title");
  for (const pane of panesOf(view.frame)) {
    drawHeader(pane, labels, view.states, "");
    if (!pane.drawn) drawOver(pane, { title, text: error?.hint || say(labels, "failed.text") }, labels);
  }
  console.error(error);
}
