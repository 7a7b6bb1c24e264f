// Slow clients: N* of every server, response times, the grades of every server, and figures by number of workers.

import { chartFigure, dataTable, tableTools } from "../chart.js";
import { breakable, h, prose } from "../dom.js";
import { gradeLegend, gradeMark } from "../grades.js";
import { gridOfTable } from "../grid.js";

/** Scenarios above which the columns of a table are narrow. */
const MANY_COLUMNS = 5;

export async function render(context) {
  const data = await context.store.block("view/slow_clients");
  return h("section", {},
    h("h1", {}, "Slow clients"),
    h("p", {}, "A slow client sends, reads or waits slowly on purpose. The other users are healthy: their requests arrive on a schedule that does not depend on the server."),
    h("div", { class: "charts" }, data.charts.map((each) => chartFigure(context, each))),
    h("div", { class: "side-by-side" },
      part(context, data, data.slow, "Grades with slow clients"),
      part(context, data, data.others, data.slow.length ? "Grades of the other scenarios" : "Grades")),
    gradeLegend(data.grades),
    scaling(data.scaling),
    h("h2", {}, "Scenarios"),
    h("ul", { class: "scenarios" }, [...data.slow, ...data.others].map((each) => h("li", {},
      h("a", { href: context.link("load", each.id) }, each.title), each.question ? [": ", prose(each.question)] : null))));
}

function part(context, data, scenarios, title) {
  if (!scenarios.length) return null;
  const table = h("table", { class: scenarios.length > MANY_COLUMNS ? "grades" : "grades few" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Server"), scenarios.map((each) =>
      h("th", { scope: "col" }, h("a", { href: context.link("load", each.id), tabindex: "-1" }, each.title))))),
    h("tbody", {}, data.servers.map(([server, version]) => h("tr", {},
      h("th", { scope: "row" }, breakable(server), version ? h("small", { class: "muted" }, ` ${version}`) : null),
      scenarios.map((each) => cell(context, data, each, server))))));
  gridOfTable(table);
  table.setAttribute("aria-label", title);
  const rows = data.servers.map(([server]) => [server, ...scenarios.map((each) => exported(data, each.cells[server]))]);
  return h("section", {},
    h("h2", {}, title),
    h("div", { class: "box fit" }, table),
    tableTools(title, ["server", ...scenarios.map((each) => each.id)], rows));
}

function scaling(tables) {
  if (!tables.length) return null;
  return [
    h("h2", {}, "By number of workers or threads"),
    tables.map(({ title, heads, rows }) => [h("h3", {}, title), dataTable(heads, rows, title), tableTools(title, heads, rows)]),
  ];
}

function cell(context, data, scenario, server) {
  const found = scenario.cells[server];
  if (!found) return h("td", { class: "muted" }, "–");
  const [grade, figure, sentence] = found;
  const link = h("a", { href: context.link("load", scenario.id, { server }), title: sentence }, gradeMark(data.grades, grade, figure));
  link.setAttribute("aria-label", `${server}, ${scenario.title}: ${sentence}`);
  return h("td", {}, link);
}

function exported(data, found) {
  if (!found) return "";
  const label = data.grades[found[0]][1];
  return found[1] === label ? label : `${label}: ${found[1]}`;
}
