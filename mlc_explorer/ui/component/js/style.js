// The style sheets come with the code, once for all views; `STYLE` is put before this file in the bundle.

let sheet = null;

/** Give the shadow root that holds `root` the style sheets. */
export function adoptStyle(root) {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  const holder = root.getRootNode();
  if (!holder.adoptedStyleSheets.includes(sheet)) holder.adoptedStyleSheets.push(sheet);
}
