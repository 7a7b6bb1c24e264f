// The versions of a server in this run, and the results of a server over several runs.

import { chartFigure, dataTable } from "../chart.js";
import { VERDICTS } from "../data.js";
import { h } from "../dom.js";
import { mark } from "../marks.js";
import { roving } from "../roving.js";
import { counted } from "../text.js";

const COUNTED = ["fail", "warn", "flaky", "pass"];

/** Changes of a version that are unfolded. */
const MAX_UNFOLDED = 12;

export async function render(context) {
  const data = await context.store.block("view/history");
  return h("section", { class: "history" },
    h("h1", {}, "History"),
    data.runs.length > 0 && [
      h("p", {}, "The results of each server over the runs of this report. A requirement counts once, whatever the number of its variants."),
      data.runs.map((each) => runs(context, each)),
    ],
    data.versions.map((each) => versions(context, each)));
}

function runs(context, { server, chart }) {
  return h("section", {},
    h("h2", {}, context.store.serverIndex(server) >= 0 ? h("a", { href: context.link("cells", [], { server }) }, server) : server),
    chart.rows.length > 1 && chartFigure(context, chart),
    dataTable(chart.heads, chart.rows, `Runs of ${server}`));
}

function versions(context, { server, note, chart, rows }) {
  const table = h("table", { class: "data versions" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "version"), COUNTED.map((each) => h("th", { scope: "col", class: "n" }, each)),
      h("th", { scope: "col", class: "n" }, "other"), h("th", { scope: "col" }, "changes"))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.version),
      row.why ? h("td", { colspan: 6, class: "muted" }, row.why) : [
        row.counts.map((each) => h("td", { class: "n" }, each.toLocaleString("en"))), h("td", { class: "n" }, row.others.toLocaleString("en")),
        h("td", {}, changes(context, row, "fixed"), changes(context, row, "broke"),
          row.first ? h("span", { class: "muted" }, "first version") : !row.fixed.length && !row.broke.length && h("span", { class: "muted" }, "none")),
      ]))));
  roving(table, "a[href], summary");
  return h("section", {}, h("h2", {}, `${server} and its versions`), h("p", { class: "muted" }, note), chartFigure(context, chart),
    h("div", { class: "box", role: "region", aria: { label: `Versions of ${server}` } }, table));
}

function changes(context, row, word) {
  const found = row[word];
  if (!found.length) return null;
  const server = context.store.serverIndex(row.server);
  return h("details", { open: found.length <= MAX_UNFOLDED }, h("summary", {}, `${word} ${counted(found.length, "case")}`),
    h("ul", { class: "changes" }, found.map(([id, before, after]) => {
      const place = context.store.caseIndex(id);
      const label = `${id}: ${VERDICTS[before]}, then ${VERDICTS[after]}`;
      return h("li", {}, mark(before), " → ", mark(after), " ",
        server < 0 || place < 0 ? id : h("a", { href: context.cellLink(server, place), aria: { label } }, id));
    })));
}
