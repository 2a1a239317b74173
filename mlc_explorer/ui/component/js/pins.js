// What is lit: the selection, what the pointer is over, and the pins that a person sets in colours of their own.
// The colours are Okabe and Ito's, by number; the style sheets say what they are in light and in dark.

import { remember, remembered, same } from "./dom.js";
import { resolve } from "./program_index.js";
import { carry, madeOf, makeScene } from "./scenes.js";

export const PIN_COLOURS = 6;

/** Pins are {thing, function, colour: 1..6, home: the scene they were set in}; those of a model are kept over visits. */
export const makePins = () => ({ pins: [], hovered: null, model: null });

/** The pins that a person set in this model; a promise of whether there are any that were not here. */
export async function adoptPins(marks, model, states) {
  if (marks.model === model) return false;
  Object.assign(marks, { model, pins: [], hovered: null });
  const kept = remembered(`pins.${model}`, []);
  const pins = await Promise.all(kept.map((pin) => restored(pin, states).catch(() => null)));
  if (marks.model !== model) return false;
  marks.pins.unshift(...pins.filter((pin) => pin && !marks.pins.some((p) => p.colour === pin.colour)));
  return pins.length > 0;
}

async function restored({ thing, function: name, colour, n }, states) {
  const at = Math.min(n, states.length - 1);
  const home = await makeScene({ n: at, ...states[at] }, { function: name }, null);
  return { thing: bare(thing), function: name, colour, home };
}

/** Called whenever pins were set or taken away. */
export function keepPins({ pins, model }) {
  const numbered = pins.filter(({ home }) => typeof home.at.n === "number");
  remember(`pins.${model}`, numbered.map(({ thing, function: name, colour, home }) => ({ thing, function: name, colour, n: home.at.n })));
}

/** Set a pin on `thing` of a scene, or take the one away that is there, if it was set at another step. */
export function togglePin(marks, thing, scene) {
  const stands = (p) => p.function === scene.function && same(bare(carry(p.thing, p.home, scene) ?? p.thing), bare(thing));
  const at = marks.pins.findIndex(stands);
  if (at >= 0) {
    marks.pins.splice(at, 1);
    return keepPins(marks);
  }
  const used = new Set(marks.pins.map((p) => p.colour));
  let colour = 1;
  while (used.has(colour) && colour < PIN_COLOURS) colour++;
  if (marks.pins.length === PIN_COLOURS) marks.pins.shift();
  marks.pins.push({ thing: bare(thing), function: scene.function, colour, home: scene });
  keepPins(marks);
}

const bare = ({ kind, id }) => ({ kind, id });

/** What a pin is called. */
export function pinName(pin) {
  return pin.thing.kind === "line" ? `:${pin.thing.id}` : String(pin.thing.id);
}

/**
 * The lights of one scene, resolved: {thing, colour, key, origin, paths, lines, header, buffer, node}. A pin or a
 * hover of another state is carried along, to all that was made of it; what is gone there lights nothing. `selection` {node, function, path}
 * is that of the scene `home`; `origin` is the pane that it was clicked in.
 */
export function lightsOf(scene, marks, selection, home, origin) {
  const lights = [];
  const add = (thing, colour, from, source = null) => {
    const here = carry(thing, from, scene);
    for (const one of [...(here ? [here] : []), ...madeOf(thing, from, scene)]) {
      const key = `${scene.function}:${one.kind}:${one.id}`;
      lights.push({ ...resolve(scene.index, one), thing: one, colour, key, origin: source });
    }
  };
  for (const pin of marks.pins) if (pin.function === scene.function) add(pin.thing, `pin-${pin.colour}`, pin.home);
  const chosen = selectedThing(selection, home);
  if (chosen) add(chosen, "selected", home, origin);
  const own = lights.find((l) => l.colour === "selected");
  if (own && selection.node) own.node = selection.node;
  const { hovered } = marks;
  if (hovered && !same(bare(hovered.thing), chosen && bare(chosen))) add(hovered.thing, "hover", hovered.scene);
  return lights;
}

/** The selection as a thing: its loop or block, else its node. */
export function selectedThing(selection, scene) {
  if (selection.path != null) {
    const node = scene.index.nodes.get(selection.path);
    return { kind: node?.kind ?? "node", id: selection.path };
  }
  return selection.node != null ? { kind: "node", id: selection.node } : null;
}
