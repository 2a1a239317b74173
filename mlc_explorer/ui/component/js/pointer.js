// Where the pointer is, in an element's own pixels: the presentation enlarges the view (CSS `zoom`), and a browser
// gives an event's place in the window's.

/** How much larger than its own pixels an element stands on screen. */
export const enlargement = (element) => element.currentCSSZoom ?? 1;

/** The place {x, y} of an event within `element`, from its top left corner. */
export function pointerIn(element, { clientX, clientY }) {
  const { left, top } = element.getBoundingClientRect();
  const k = enlargement(element);
  return { x: (clientX - left) / k, y: (clientY - top) / k };
}
