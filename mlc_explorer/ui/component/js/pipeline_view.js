// A pipeline that ran: its passes at the left, one of them before and after at the right. Filtering, folding and
// opening stay in the browser; the texts of a pass are asked for when it is opened.

import { afterPaint, esc, followTheme, formatTime, icon, remember, remembered, say, sayAll } from "./dom.js";
import { ask, known, load, placeOf } from "./payloads.js";
import { drawPassDiff, makePassDiff } from "./pass_diff.js";
import { foldedAtFirst, insideCounts, nameHtml, paintPasses, revealPass, shownPasses } from "./pass_list.js";
import { adoptStyle } from "./style.js";

const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export async function pipelineView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".pipeline-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", { ...event, n: ++view.count });
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const resend = () => view.send({ type: "resend" });
  const fetched = [data.labels, data.view].map((entry) => known(entry) ?? load(entry, resend));
  const [labels, run] = await Promise.all(fetched);
  if (view.latest !== data) return;
  if (view.labels !== labels) sayAll(root, (view.labels = labels));
  if (view.run !== run) reset(view, run);
  root.querySelector(".find").placeholder = say(labels, "pipeline.filter");
  root.hidden = false; // before drawing, which asks for the list's height
  drawList(view);
  root.dataset.ready = "1";
  if (!view.answer) openPass(view, view.chosen);
}

function create(root) {
  adoptStyle(root);
  const find = (name) => root.querySelector(name);
  const view = {
    root, count: 0, labels: {}, folded: new Set(), filter: "", chosen: null, current: null, answer: null,
    hide: remembered("pipeline.hide", true), whole: remembered("pipeline.whole", false),
    list: find(".list"), head: find(".detail header"), about: find(".about"), diff: makePassDiff(find(".scroller")),
  };
  const hide = find(".hide input");
  hide.checked = view.hide;
  hide.addEventListener("change", () => {
    remember("pipeline.hide", (view.hide = hide.checked));
    drawList(view);
  });
  find(".find").addEventListener("input", (e) => {
    view.filter = e.target.value;
    drawList(view);
  });
  find(".find").addEventListener("keydown", (e) => onFindKey(view, e));
  view.list.addEventListener("click", (e) => onClick(view, e));
  view.list.addEventListener("scroll", () => paintPasses(view.list, view));
  new ResizeObserver(() => view.shown && paintPasses(view.list, view)).observe(view.list);
  view.list.addEventListener("keydown", (e) => onKey(view, e));
  view.head.addEventListener("click", (e) => {
    if (e.target.closest(".step")) view.send({ type: "steps", steps: [view.run.passes[view.chosen].step] });
    else if (e.target.closest(".way")) view.send({ type: "steps", steps: view.answer.way });
  });
  view.head.addEventListener("change", (e) => {
    if (e.target.matches("select")) openPass(view, view.chosen, e.target.value);
    else remember("pipeline.whole", (view.whole = e.target.checked));
    drawAnswer(view);
  });
  document.addEventListener("keydown", (e) => onSlash(view, e));
  views.set(root, view);
  return view;
}

/** Another run: what was chosen in the last one stays, if a pass of that name stands there again. */
function reset(view, run) {
  const name = view.run?.passes[view.chosen]?.name;
  const same = run.passes[view.chosen]?.name === name ? view.chosen : null;
  const again = name ? same ?? run.passes.find((p) => p.name === name)?.index : null;
  const inside = insideCounts(run.passes);
  const folded = foldedAtFirst(run.passes, inside);
  Object.assign(view, { run, inside, folded, chosen: again ?? null, current: again ?? null, answer: null });
  view.longest = Math.max(...run.passes.map((p) => p.own_seconds), 1e-9);
}

// -- the list

function drawList(view) {
  const { run, labels, root, list } = view;
  view.shown = shownPasses(run.passes, view);
  if (!view.shown.some(({ pass }) => pass.index === view.current)) view.current = view.shown[0]?.pass.index ?? null;
  const quiet = run.passes.filter((p) => !p.changed_anything).length;
  const inside = run.seconds - run.outside_seconds;
  const totals = [
    say(labels, "pipeline.passes", { count: run.passes.length }),
    say(labels, "pipeline.some", { count: run.passes.length - quiet }),
    say(labels, "pipeline.inside", { time: formatTime(inside * 1e3) }),
  ];
  if (run.outside_seconds > 0.1 * run.seconds)
    totals.push(say(labels, "pipeline.outside", { time: formatTime(run.outside_seconds * 1e3) }));
  root.querySelector(".count").textContent = view.hide && quiet ? say(labels, "pipeline.hidden", { count: quiet }) : "";
  const line = root.querySelector(".totals");
  line.innerHTML = totals.map((text) => `<span>${esc(text)}</span>`).join("");
  line.title = totals.join(" · ");
  list.hidden = !view.shown.length;
  root.querySelector(".empty").hidden = !list.hidden;
  list.setAttribute("aria-label", say(labels, "pipeline.title"));
  list.dataset.count = view.shown.length;
  refresh(view);
}

/** Paint the rows anew: another is current or chosen, or others are shown. */
function refresh(view) {
  view.list.setAttribute("aria-activedescendant", `pass-${view.current}`);
  paintPasses(view.list, view);
}

function onClick(view, e) {
  const row = e.target.closest("[data-index]");
  if (!row) return;
  const index = Number(row.dataset.index);
  if (e.target.closest(".twist") && row.hasAttribute("aria-expanded")) return fold(view, index, !view.folded.has(index));
  moveTo(view, index);
  openPass(view, index);
}

function fold(view, index, close) {
  if (close) view.folded.add(index);
  else view.folded.delete(index);
  drawList(view);
}

function moveTo(view, index) {
  view.current = index;
  revealPass(view.list, view.shown.findIndex(({ pass }) => pass.index === index));
  view.list.focus({ preventScroll: true });
  refresh(view);
}

function onKey(view, e) {
  const at = view.shown.findIndex(({ pass }) => pass.index === view.current);
  if (at < 0 || e.ctrlKey || e.metaKey || e.altKey) return;
  const { pass, inner } = view.shown[at];
  const last = view.shown.length - 1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + 12, PageUp: at - 12 }[e.key];
  if (to !== undefined) moveTo(view, view.shown[Math.min(last, Math.max(0, to))].pass.index);
  else if (e.key === "Enter" || e.key === " ") openPass(view, pass.index);
  else if (e.key === "ArrowRight" && inner) fold(view, pass.index, false);
  else if (e.key === "ArrowLeft" && inner && !view.folded.has(pass.index)) fold(view, pass.index, true);
  else if (e.key === "ArrowLeft" && pass.parent != null) moveTo(view, pass.parent);
  else return;
  e.preventDefault();
  e.stopPropagation();
}

function onFindKey(view, e) {
  if (e.key === "Escape" && view.filter) {
    e.target.value = view.filter = "";
    drawList(view);
  } else if ((e.key === "ArrowDown" || e.key === "Enter") && view.shown.length) {
    moveTo(view, view.current);
    if (e.key === "Enter") openPass(view, view.current);
  } else return;
  e.preventDefault();
  e.stopPropagation();
}

/** Anywhere on the page, unless a person is typing. */
function onSlash(view, e) {
  const on = e.composedPath()[0];
  const typing = on.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(on.tagName ?? "");
  if (e.key !== "/" || typing || !view.root.isConnected || view.root.hidden) return;
  const field = view.root.querySelector(".find");
  field.focus();
  field.select();
  e.preventDefault();
}

// -- the chosen pass

/** Ask for a pass, before and after, and show it; what was shown stays until the answer is there. */
async function openPass(view, index, func) {
  const { run } = view;
  view.chosen = index;
  refresh(view);
  const pass = run.passes[index];
  if (!pass || !touched(pass).length) return drawAnswer(view, (view.answer = {}));
  const args = { pipeline: run.pipeline, target: run.target, index };
  const asked = (view.asked = placeOf(view.latest.token, "pipeline_pass", func, args));
  view.root.classList.add("waiting");
  const answer = await ask(asked).catch((error) => ({ error }));
  if (view.asked !== asked || view.chosen !== index) return;
  view.root.classList.remove("waiting");
  if (answer.error?.lost) view.send({ type: "resend" });
  drawAnswer(view, (view.answer = answer));
}

const touched = (pass) => [...pass.changed, ...pass.added, ...pass.removed];

function drawAnswer(view) {
  const { answer, labels, run, root } = view;
  const pass = run.passes[view.chosen];
  view.head.innerHTML = pass ? headHtml(view, pass) : "";
  view.about.innerHTML = aboutHtml(view, pass);
  root.querySelector(".scroller").hidden = !answer?.diff;
  drawPassDiff(view.diff, answer?.diff ?? null, labels, view.whole);
  afterPaint(() => {
    root.dataset.painted = pass ? `${pass.index}:${answer?.function ?? ""}` : "";
  });
}

function headHtml(view, pass) {
  const { labels, answer } = view;
  const own = say(labels, "pipeline.own", { time: formatTime(pass.own_seconds * 1e3) });
  const kind = pass.kind ? `<span class="muted">${esc(say(labels, `pipeline.kind_${pass.kind}`))}</span>` : "";
  const step = pass.step ? stepButton("step", say(labels, "pipeline.step"), say(labels, "pipeline.step_help")) : "";
  const count = answer?.way?.length ?? 0;
  const way =
    count > 1 ? stepButton("way", say(labels, "pipeline.way", { count }), say(labels, "pipeline.way_help")) : "";
  const options = (answer?.functions ?? [])
    .map((name) => `<option value="${esc(name)}"${name === answer.function ? " selected" : ""}>${esc(labelOf(pass, name))}</option>`)
    .join("");
  const select = options
    ? `<select aria-label="${esc(say(labels, "pipeline.function"))}">${options}</select>` +
      `<label><input type="checkbox"${view.whole ? " checked" : ""} />${esc(say(labels, "pipeline.whole_text"))}</label>`
    : "";
  return (
    `<div><h3>${nameHtml(pass.name)}</h3>${kind}<span class="muted">${esc(own)}</span><span class="space"></span>${way}${step}</div>` +
    (select ? `<div>${select}</div>` : "")
  );
}

const stepButton = (name, text, help) =>
  `<button class="${name}" title="${esc(help)}">${icon("plus", 12)}${esc(text)}</button>`;

const labelOf = (pass, name) => (pass.added.includes(name) ? `+ ${name}` : pass.removed.includes(name) ? `− ${name}` : name);

/** What there is to say in words: why no diff, and why no step. */
function aboutHtml(view, pass) {
  const { labels, answer } = view;
  if (!pass) return `${esc(say(labels, "pipeline.choose"))}<br>${esc(say(labels, "pipeline.keys"))}`;
  const lines = [];
  if (answer?.error) lines.push(answer.error.message ?? "", answer.error.hint ?? "");
  else if (!touched(pass).length) lines.push(say(labels, `pipeline.${pass.changed_anything ? "attributes_only" : "nothing"}`));
  else if (answer?.diff && !answer.diff.rows.some((r) => r.op !== " ")) lines.push(say(labels, "pipeline.invisible"));
  if (pass.no_step) lines.push(say(labels, `pipeline.no_step_${pass.no_step}`));
  return lines.filter(Boolean).map(esc).join("<br>");
}
