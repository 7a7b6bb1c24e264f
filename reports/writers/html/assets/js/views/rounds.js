// Comparisons that were measured in rounds: the words, the intervals, and every round.

import { chartFigure } from "../chart.js";
import { copyText } from "../copy.js";
import { h } from "../dom.js";
import { oneLine } from "../text.js";

/** Show the comparisons, or those of the servers that `#/rounds/A..B` names. */
export async function render(context, params) {
  const { comparisons } = await context.store.block("view/rounds");
  const named = comparisons.filter((each) => !params.rest || comparesPair(each, params.rest));
  return h("section", { class: "rounds" }, h("h1", {}, "Compared in rounds"),
    named.length === 0 && h("p", { class: "note" }, `This report has no comparison “${oneLine(params.rest, 160)}”. These are all it has.`),
    (named.length ? named : comparisons).map((each) => comparison(context, each)));
}

/** Say whether `text` is `A..B` for two servers of a comparison. */
export function comparesPair({ names }, text) {
  return names.some((a, place) => names.some((b, other) => place !== other && text === `${a}..${b}`));
}

function comparison(context, each) {
  return h("article", {},
    h("h2", {}, each.candidates.join(" · ")),
    h("p", { class: "muted" }, `${each.facts}. `, each.rate && `p50 and p99 at ${each.rate}. `,
      `A difference below ${each.threshold} does not matter. Every slot is a fresh server.`),
    h("ul", {}, each.conclusions.map((text) => h("li", {}, text))),
    each.open && h("p", {}, each.open),
    each.warnings.map((text) => h("p", { class: "note" }, text)),
    each.charts.length > 0 && h("p", { class: "muted" }, "The charts show each figure with its 95 % interval. The grey rows are A against A: one round differs by so much if nothing differs."),
    each.charts.map((data) => chartFigure(context, data)),
    h("h3", {}, "What the rounds say"),
    table(each.heads, each.judged.map((row) => ({ cells: row.slice(0, -1), colour: row.at(-1) }))),
    h("h3", {}, "Every round"),
    h("p", { class: "muted" }, "The order is that of time; a is the second A. An invalid round was measured again, and blames no server."),
    table(each.round_heads, each.rounds.map((row) => ({ cells: row.slice(0, -1), invalid: !row.at(-1) }))),
    each.command && [h("h3", {}, "The same order again"), h("p", {}, h("code", {}, each.command), " ",
      h("button", { type: "button", on: { click: () => copyText(each.command, "the command") } }, "Copy"))]);
}

function table(heads, rows) {
  return h("div", { class: "box", tabindex: "0", role: "region", aria: { label: heads[0] === "round" ? "Every round" : "Figures" } },
    h("table", { class: "data" },
      h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map(({ cells, colour, invalid }) => h("tr", { class: invalid ? "muted" : null }, cells.map((each, place) => cell(each, place, colour)))))));
}

function cell(text, place, colour) {
  if (place === 0) return h("th", { scope: "row" }, text);
  return h("td", { class: place === 2 && colour ? `t-${colour}` : null }, text);
}
