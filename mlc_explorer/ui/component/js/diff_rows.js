// The rows of a diff, in one text with what went away between its lines, or as one side of two that stand next to
// each other. A row's `at` counts the rows of both sides together, so that they can be scrolled as one.

/** Both texts in one. What was removed is `gone`, and takes the number of the line above, so as to fold along with it. */
export function inlineRows(diff) {
  const rows = rowsOfDiff(diff);
  let line = 0;
  for (const row of rows) {
    row.gone = row.op === "-";
    if (!row.gone) line = row.now;
    row.line = line;
  }
  return rows;
}

/** The text before (`side` old) or after (new); empty rows stand where only the other side has a line. */
export function sideRows(diff, side) {
  const own = side === "old" ? "-" : "+", rows = [];
  let at = 0, line = 0;
  for (const pair of alignedRows(rowsOfDiff(diff))) {
    const row = pair.find((r) => r.op !== (own === "-" ? "+" : "-"));
    if (row) {
      line = side === "old" ? row.old : row.now;
      rows.push({ ...row, text: side === "old" ? diff.before[line - 1] : row.text, line, at });
    } else rows.push({ op: "fill", line, text: "", at });
    at++;
  }
  return rows;
}

/** The rows of `diff` with their texts, each changed one with its `pair`. */
function rowsOfDiff({ rows, before, after }) {
  const made = rows.map(({ op, old, new: now, moved, pair }) =>
    ({ op, old, now, moved, changed: pair, text: op === "-" ? before[old - 1] : after[now - 1] }));
  const removed = new Map(made.filter((r) => r.op === "-").map((r) => [r.old, r]));
  for (const row of made) {
    if (row.op !== "+" || row.changed == null) continue;
    row.pair = removed.get(row.changed);
    row.pair.pair = row;
  }
  return made;
}

/** Rows that stand next to each other: a kept one alone, a changed one with what it became, others alone. */
function alignedRows(rows) {
  const aligned = [];
  for (let i = 0; i < rows.length; ) {
    if (rows[i].op !== "-" && rows[i].op !== "+") {
      aligned.push([rows[i++]]);
      continue;
    }
    const removed = [], added = [];
    for (; i < rows.length && rows[i].op === "-"; i++) removed.push(rows[i]);
    for (; i < rows.length && rows[i].op === "+"; i++) added.push(rows[i]);
    let next = 0;
    for (const row of removed) {
      const to = row.pair ? added.indexOf(row.pair) : -1;
      for (; next < to; next++) aligned.push([added[next]]);
      aligned.push(to < 0 ? [row] : [row, added[next++]]);
    }
    for (; next < added.length; next++) aligned.push([added[next]]);
  }
  return aligned;
}
