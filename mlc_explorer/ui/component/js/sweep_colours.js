// Colours of a heat map: from slow (dark blue) to fast (yellow) by brightness and hue together, so that people
// with colour blindness, and a grey printer, tell them apart. A cell brings its own ground and ink, which read
// the same in a light and in a dark page.

import { clamp } from "./dom.js";

const STOPS = [[26, 35, 92], [44, 72, 128], [78, 104, 128], [112, 133, 122], [158, 163, 105], [212, 196, 84], [253, 231, 76]];
const EVEN = 0.179; // here black and white stand out alike, by 4.6 to 1

/** Ground and ink for a share 0 (slowest) .. 1 (fastest). */
export function heat(share) {
  const at = clamp(share, 0, 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  const rgb = STOPS[low].map((from, i) => Math.round(from + (STOPS[low + 1][i] - from) * (at - low)));
  return { ground: `rgb(${rgb.join(" ")})`, ink: luminance(rgb) > EVEN ? "#000" : "#fff" };
}

/** All stops as a CSS gradient, slow at the left. */
export const heatGradient = () => `linear-gradient(90deg, ${STOPS.map((c) => `rgb(${c.join(" ")})`).join(", ")})`;

/** A function ms → 0..1 over the measured times: the fastest is 1. Logarithmic, as ratios are what counts. */
export function heatScale(times) {
  if (!times.length) return () => 1;
  const low = Math.log(Math.min(...times)), high = Math.log(Math.max(...times));
  return (ms) => (high - low < 1e-6 ? 1 : (high - Math.log(ms)) / (high - low));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
