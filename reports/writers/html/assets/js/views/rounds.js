// Comparisons that were measured in rounds: the words, the intervals, and every round.

import { copyText } from "../copy.js";
import { h, svg } from "../dom.js";

const KINDS = { better: "good", worse: "bad" };

export async function render({ store }) {
  const { comparisons } = await store.block("view/rounds");
  return h("section", { class: "rounds" }, h("h1", {}, "Compared in rounds"), comparisons.map(comparison));
}

function comparison(each) {
  return h("article", {},
    h("h2", {}, each.candidates.join(" · ")),
    h("p", { class: "muted" }, `${each.facts}. `, each.rate && `p50 and p99 at ${each.rate}. `,
      `A difference below ${each.threshold} does not matter. Every slot is a fresh server.`),
    h("ul", {}, each.conclusions.map((text) => h("li", {}, text))),
    each.open && h("p", {}, each.open),
    each.warnings.map((text) => h("p", { class: "note" }, text)),
    each.charts.map(([letter, wide, narrow]) => h("figure", {},
      h("div", { class: "wide-chart" }, svg(wide)), h("div", { class: "narrow-chart" }, svg(narrow)),
      h("figcaption", { class: "muted" }, `${letter} against A: the ratio of each figure with its 95 % interval. The grey `
        + "rows are A against A: what one round differs by if nothing differs."))),
    h("h3", {}, "What the rounds say"),
    table(each.heads, each.judged.map((row) => ({ cells: row.slice(0, -1), kind: row.at(-1) }))),
    h("h3", {}, "Every round"),
    h("p", { class: "muted" }, "The order is that of time; a is the second A. An invalid round was measured again, and blames no server."),
    table(each.round_heads, each.rounds.map((row) => ({ cells: row.slice(0, -1), kind: row.at(-1) ? "" : "invalid" }))),
    each.command && [h("h3", {}, "The same order again"), h("p", {}, h("code", {}, each.command), " ",
      h("button", { type: "button", on: { click: () => copyText(each.command, "the command") } }, "Copy"))]);
}

function table(heads, rows) {
  return h("div", { class: "box", tabindex: "0", role: "region", aria: { label: heads[0] === "round" ? "Every round" : "Figures" } },
    h("table", { class: "data" },
      h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map(({ cells, kind }) => h("tr", { class: kind === "invalid" ? "muted" : null }, cells.map((each, place) => cell(each, place, kind)))))));
}

function cell(text, place, kind) {
  if (place === 0) return h("th", { scope: "row" }, text);
  const colour = place === 2 && KINDS[kind] ? `t-${KINDS[kind]}` : null;
  return h("td", { class: colour }, text);
}
