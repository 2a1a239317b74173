// One transform's form: what a person gave, the engine's offer for it, and the preview of what it would do. An offer
// is asked for at each change; the one before stays until it is there.

import { afterPaint, esc, icon, say } from "./dom.js";
import { drawDiagnosis } from "./palette_diagnosis.js";
import { fieldHtml } from "./palette_fields.js";
import { changedMembers, give, givenOf, memoryOf, rangesOf, takeRange } from "./palette_memory.js";
import { rangeOver, valueOf } from "./palette_values.js";
import { drawPassDiff, makePassDiff } from "./pass_diff.js";
import { ask, hangUp, placeOf } from "./payloads.js";
import { pointOut } from "./selection.js";

const PAUSE_MS = 80; // so long a person may go on typing before an offer is asked for
const CONTEXT = 2; // lines around a change
const ENTERED = new Set(["text", "values"]);

/** The form in `section` of a palette's view. */
export function makeForm(view, section) {
  const find = (name) => section.querySelector(name);
  const form = {
    section, fields: find(".pal-fields"), verdict: find(".pal-verdict"), actions: find(".pal-actions"),
    preview: find(".pal-preview"), diagnosis: find(".pal-diagnosis"), diff: makePassDiff(find(".pal-preview .scroller"), CONTEXT),
    memory: view.kept.memory, offer: null, pending: false, wish: null, sent: 0, place: null, focus: false,
  };
  view.form = form;
  form.fields.addEventListener("input", (e) => ENTERED.has(e.target.dataset.part) && !e.isComposing && take(view, e.target));
  form.fields.addEventListener("compositionend", (e) => take(view, e.target));
  form.fields.addEventListener("change", (e) => !ENTERED.has(e.target.dataset.part) && take(view, e.target));
  form.fields.addEventListener("click", (e) => {
    const button = e.target.closest("button[data-part]");
    if (button) take(view, button);
  });
  find("form").addEventListener("submit", (e) => {
    e.preventDefault();
    submit(view);
  });
  section.addEventListener("click", (e) => onAct(view, e.target.closest("[data-act]")));
  section.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || e.isComposing) return;
    e.stopPropagation();
    closeForm(view);
  });
}

/** Open the form of the transform `name`; `why`: at its diagnosis. */
export function openForm(view, name, { focus = false, why = false } = {}) {
  const { form } = view;
  if (view.chosen !== name) {
    view.chosen = name;
    form.offer = null;
    closeDiagnosis(form);
  }
  view.kept.chosen = name;
  form.focus = focus;
  form.wish = why ? "why" : null;
  form.section.hidden = false;
  drawHead(view);
  askOffer(view);
}

export function closeForm(view) {
  const { form } = view;
  closeDiagnosis(form);
  hangUp(form.place);
  view.chosen = view.kept.chosen = form.place = null;
  form.section.hidden = true;
  view.closed();
}

/** Another selection or state: the form is asked for anew, after a pause of so many ms. */
export function followPlace(view, pause) {
  if (!view.chosen) return;
  closeDiagnosis(view.form);
  askOffer(view, pause);
}

// -- what a person gives

/** A widget was used. */
function take(view, element) {
  const { form } = view;
  const { name, part } = element.dataset;
  const field = form.offer?.fields?.find((f) => f.name === name);
  if (!field) return;
  const memory = memoryOf(view);
  if (part === "sweep" || memory.sweeps[name]) {
    takeRange(memory.sweeps, field, element);
    return draw(view);
  }
  if (part === "text") {
    memory.raw[name] = element.value;
    give(view, field, valueOf(element.value, field.kind));
    return askOffer(view, PAUSE_MS);
  }
  delete memory.raw[name];
  if (part === "flag") give(view, field, element.checked);
  else if (part === "chip") give(view, field, JSON.parse(element.dataset.value));
  else if (part === "select") give(view, field, JSON.parse(element.value));
  else give(view, field, changedMembers(field, element));
  askOffer(view);
}

// -- asking

function askOffer(view, pause = 0) {
  const { form } = view;
  clearTimeout(form.timer);
  form.pending = true;
  form.section.classList.add("pal-pending");
  if (pause) form.timer = setTimeout(() => fetchOffer(view), pause);
  else fetchOffer(view);
}

async function fetchOffer(view) {
  const { form, at, chosen } = view;
  if (!chosen || !at) return;
  const args = { transform: chosen, params: givenOf(view), ...(at.path ? { path: at.path } : {}) };
  const place = placeOf(at.token, "offer", at.function, args);
  if (form.place && form.place !== place) hangUp(form.place);
  form.place = place;
  const offer = await ask(place).catch((error) => ({ error }));
  if (form.place !== place) return;
  if (offer.error?.lost) view.send({ type: "resend" });
  form.pending = false;
  form.offer = offer.error ? { transform: chosen, state: "refused", fields: [], step: null, refusal: offer.error } : offer;
  form.section.classList.remove("pal-pending");
  draw(view);
  grant(view);
}

/** What a person wished for before the offer was there. */
function grant(view) {
  const { form } = view;
  const wish = form.wish;
  form.wish = null;
  if (wish === "submit") submit(view);
  else if (wish === "why" && form.offer.state === "refused") explain(view);
}

// -- acting

function onAct(view, element) {
  const act = element?.dataset.act;
  if (act === "close") closeForm(view);
  else if (act === "why") explain(view);
  else if (act === "sweep") sweep(view);
  else if (act === "remedy") sendSteps(view, view.form.remedies[Number(element.dataset.i)].steps);
}

/** Apply, once the offer is there and Python stands at the state that it was made for. */
export function submit(view) {
  const { form } = view;
  if (!view.chosen || form.sent) return;
  if (form.pending || view.at.token !== view.latest.at.token) form.wish = "submit";
  else if (form.offer.state === "refused") explain(view);
  else if (rangesOf(view).length) sweep(view);
  else if (form.offer.state !== "elsewhere") sendSteps(view, [form.offer.step]);
}

function sendSteps(view, steps) {
  view.form.sent = view.send({ type: "steps", steps });
  closeDiagnosis(view.form);
}

function sweep(view) {
  const { step } = view.form.offer;
  const ranges = Object.fromEntries(rangesOf(view).map(([name, { values }]) => [name, rangeOver(name, values)]));
  view.send({ type: "sweep", steps: [{ ...step, params: { ...step.params, ...ranges } }] });
}

/** Python has answered event `seen`, and stands where `view.latest` says. */
export function hear(view, seen) {
  const { form } = view;
  if (form.sent && seen >= form.sent) form.sent = 0;
  if (form.wish === "submit" && !form.pending) grant(view);
}

async function explain(view) {
  const { form, at, labels } = view;
  const { step, refusal } = form.offer;
  if (!step) return;
  pointOut({ message: refusal.message, paths: refusal.paths ?? [], lasting: true });
  const place = (form.asking = placeOf(at.token, "diagnosis", null, { step }));
  form.diagnosis.hidden = false;
  form.diagnosis.innerHTML = `<p class="pal-text">${esc(say(labels, "palette.looking"))}</p>`;
  const found = await ask(place).catch((error) => ({ step, refusal: error, text: null, lines: [], remedies: [] }));
  if (form.asking !== place) return;
  form.remedies = found.remedies;
  drawDiagnosis(form.diagnosis, found, labels);
  form.diagnosis.scrollIntoView({ block: "nearest" });
}

function closeDiagnosis(form) {
  if (form.diagnosis.hidden) return;
  form.asking = null;
  form.diagnosis.hidden = true;
  pointOut(null);
}

// -- drawing

/** Draw the form anew in the view's language. */
export function redrawForm(view) {
  if (!view.chosen) return;
  drawHead(view);
  draw(view);
}

function drawHead(view) {
  const { form, labels, language, catalogue, chosen } = view;
  const spec = catalogue.specs.find((s) => s.name === chosen);
  const close = esc(say(labels, "palette.close"));
  form.section.setAttribute("aria-label", say(labels, "palette.form", { name: chosen }));
  form.section.querySelector("header").innerHTML =
    `<div><h3><code>${esc(spec.name)}</code>${esc(spec.title[language])}</h3>` +
    `<button class="tool" data-act="close" title="${close}" aria-label="${close}">${icon("close", 12)}</button></div>` +
    `<p class="pal-text">${esc(spec.text[language])}</p>` +
    `<details class="pal-text pal-example"><summary>${esc(say(labels, "palette.example"))}</summary>` +
    `<p>${coded(spec.example)}</p><p>${coded([`TVM: \`\`${spec.tvm}\`\``, spec.elsewhere].filter(Boolean).join("; "))}</p></details>`;
}

/** Text in which code stands between double backticks. */
const coded = (text) => esc(text).replace(/``(.+?)``/g, "<code>$1</code>");

function draw(view) {
  const { form, labels, catalogue, chosen } = view;
  const { offer } = form;
  if (!offer) return;
  const spec = catalogue.specs.find((s) => s.name === chosen);
  const { raw, sweeps } = memoryOf(view);
  const wrong = offer.refusal?.place;
  keepFocus(form, () => {
    form.fields.innerHTML = offer.fields
      .map((f) => fieldHtml(f, { spec, raw: raw[f.name], sweep: sweeps[f.name], wrong: wrong === f.name, labels }))
      .join("");
  });
  form.verdict.innerHTML = verdictHtml(offer, labels) + guardHtml(form, labels);
  form.actions.innerHTML = actionsHtml(offer, rangesOf(view), labels);
  drawPreview(form, labels);
  if (form.focus) focusFirst(form);
  afterPaint(() => (form.section.dataset.painted = `${chosen}:${offer.state}`));
}

/** Where a person types they go on typing. */
function keepFocus(form, redraw) {
  const active = form.section.getRootNode().activeElement;
  const { name, part, value, i } = form.fields.contains(active) ? active.dataset : {};
  const [from, to] = part === "text" || part === "values" ? [active.selectionStart, active.selectionEnd] : [null, null];
  redraw();
  if (!name) return;
  const parts = [...form.fields.querySelectorAll("[data-name]")].filter((e) => e.dataset.name === name);
  const again = parts.find((e) => e.dataset.part === part && e.dataset.value === value && e.dataset.i === i) ?? parts[0];
  again?.focus({ preventScroll: true });
  if (from !== null && again?.dataset.part === part) again.setSelectionRange(from, to);
}

function focusFirst(form) {
  form.focus = false;
  const first = form.fields.querySelector("input, select, textarea") ?? form.actions.querySelector("button");
  first?.focus({ preventScroll: true });
  form.section.scrollIntoView({ block: "nearest" });
}

function verdictHtml({ state, refusal, changed, added, removed }, labels) {
  if (refusal) {
    const hint = refusal.hint ? `<span class="pal-hint">${esc(refusal.hint)}</span>` : "";
    return `<div class="pal-refusal" role="alert">${icon("warning")}<p>${esc(refusal.message)}${hint}</p></div>`;
  }
  if (state === "nothing") return `<p class="pal-text" role="status">${esc(say(labels, "palette.nothing"))}</p>`;
  const counts = [
    changed.length && say(labels, "palette.changes", { count: changed.length }),
    added.length && say(labels, "palette.adds", { count: added.length }),
    removed.length && say(labels, "palette.removes", { count: removed.length }),
  ].filter(Boolean);
  const isMany = changed.length + added.length + removed.length > 1;
  return isMany ? `<p class="pal-text" title="${esc([...changed, ...added, ...removed].join("\n"))}">${esc(counts.join(" · "))}</p>` : "";
}

/** A guard that the step brings with it, unless a field says so already. */
function guardHtml({ offer: { diff }, fields }, labels) {
  if (!diff || fields.querySelector(".pal-guard")) return "";
  const lines = (op) => diff.rows.filter((row) => row.op === op).map((row) => (op === "+" ? diff.after[row.new - 1] : diff.before[row.old - 1]));
  const guards = (op) => lines(op).filter((line) => line.includes("T.where(")).length;
  if (guards("+") <= guards("-")) return "";
  return `<p class="pal-note pal-guard">${icon("warning", 12)}${esc(say(labels, "palette.guard"))}</p>`;
}

function actionsHtml({ state, refusal }, sweeps, labels) {
  const isOff = state === "refused" || state === "elsewhere";
  const title = isOff ? refusal?.message ?? "" : say(labels, "palette.apply_help");
  const size = sweeps.reduce((product, [, { values }]) => product * values.length, 1);
  const button = (act, text) => `<button type="button" class="pal-second" data-act="${act}">${esc(text)}</button>`;
  return (
    (state === "refused" ? button("why", say(labels, "palette.why_not")) : "") +
    `<span class="space"></span>` +
    (sweeps.length ? button("sweep", say(labels, "palette.sweep", { count: size })) : "") +
    `<button type="submit" class="pal-apply" aria-disabled="${isOff}" title="${esc(title)}">${esc(say(labels, "palette.apply"))}<kbd>Alt A</kbd></button>`
  );
}

function drawPreview(form, labels) {
  const { diff } = form.offer;
  form.preview.hidden = !diff?.rows.some((row) => row.op !== " ");
  if (form.preview.hidden) return;
  const count = (op) => diff.rows.filter((row) => row.op === op).length;
  form.preview.querySelector("header").innerHTML =
    `<span>${esc(say(labels, "palette.preview_of", { function: diff.function }))}</span>` +
    `<b class="pal-more">+${count("+")}</b><b class="pal-less">−${count("-")}</b>`;
  drawPassDiff(form.diff, diff, labels, false);
}
