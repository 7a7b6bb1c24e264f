// A scenario: its question and method, the figures of every server, its charts, and each server in detail.

import { chartFigure, dataTable, tableTools } from "../chart.js";
import { h, svg, prose } from "../dom.js";
import { gradeLegend, gradeMark } from "../grades.js";

const FEW = 12; // panels that are shown without a click

export async function render(context, params) {
  const id = params.rest;
  const data = id ? await context.store.block(`load/${id}`) : null;
  if (!data) return missing(context, id);
  const wanted = params.query.get("server");
  const details = data.cells.map((cell) => detail(data, cell, cell.server === wanted));
  const node = h("section", { class: "load" },
    h("p", { class: "trail" }, h("a", { href: context.link("slow-clients") }, "Scenarios")),
    h("h1", {}, data.title),
    data.question ? h("p", { class: "question" }, prose(data.question)) : null,
    data.method ? h("p", {}, prose(data.method)) : null,
    h("h2", {}, "Figures of every server"),
    figures(context, data, details),
    gradeLegend(data.grades),
    h("div", { class: "charts" }, data.charts.map((each) => chartFigure(context, each))),
    panels(data),
    metrics(data),
    h("h2", {}, "Each server in detail"),
    details.map((each) => each.node));
  if (wanted) {
    const found = details.find((each) => each.cell.server === wanted);
    if (found) requestAnimationFrame(() => found.node.scrollIntoView({ block: "start" }));
  }
  return node;
}

async function missing(context, id) {
  const { scenarios } = await context.store.block("view/load");
  return h("section", {},
    h("h1", {}, id ? "No such scenario" : "Scenarios"),
    id ? h("p", { class: "note" }, `This report has no scenario “${id}”.`) : null,
    h("ul", { class: "scenarios" }, scenarios.map(([name, title]) => h("li", {}, h("a", { href: context.link("load", name) }, title)))));
}

function figures(context, data, details) {
  const heads = ["server", "grade", ...data.heads];
  const rows = data.cells.map((cell) => [cell.server, cell.label, ...cell.figures.map(([text, more]) => (more ? `${text} (${more})` : text))]);
  const table = h("table", { class: "figures" },
    h("thead", {}, h("tr", {}, heads.map((each, place) => h("th", { scope: "col", class: place > 1 ? "n" : "" }, each)))),
    h("tbody", {}, data.cells.map((cell, place) => [h("tr", { class: isJudged(cell) ? "" : "not-judged" },
      h("th", { scope: "row" },
        h("button", { type: "button", class: "link", on: { click: () => details[place].show() } }, cell.server),
        cell.version ? h("small", { class: "muted" }, ` ${cell.version}`) : null),
      h("td", {}, gradeMark(data.grades, cell.grade, cell.label), note(cell)),
      cell.figures.map(([text, more]) => h("td", { class: "n" }, text, more ? h("small", { class: "muted" }, h("br", {}), more) : null))),
    isJudged(cell) ? null : h("tr", { class: "why" }, h("td", { colspan: heads.length }, h("small", {}, prose(cell.problem))))])));
  return [
    h("div", { class: "box fit", tabindex: "0", role: "region", aria: { label: "Figures of every server" } }, table),
    h("p", { class: "muted" }, "n is the number of requests. An interval says where the true value is, with 95 % confidence: exact for goodput, from ranks for p99. ≥ marks a lower bound: requests got no answer by then."),
    tableTools(data.title, heads, rows),
  ];
}

const isJudged = (cell) => !["inconclusive", "invalid", "unsupported", "error"].includes(cell.grade);

// The number of caveats of a judged cell. Why another one is not judged has its own row.
function note(cell) {
  const number = cell.caveats.length;
  return number && isJudged(cell) ? h("small", { class: "muted" }, h("br", {}), `${number} ${number === 1 ? "caveat" : "caveats"}, see below`) : null;
}

function panels(data) {
  if (!data.panels.length) return null;
  const legend = [
    ["t-good", data.windows ? "— p99, thin: p50" : "● answered"],
    ...(data.windows ? [["t-bad", "▉ requests without a correct response"]] : [["t-bad", "✕ no answer by then"], ["t-odd", "▲ an error or a wrong answer"]]),
    ["t-band", "▉ slow clients are there"],
  ];
  const place = h("div", { class: "panels" });
  const fill = () => {
    if (!place.firstChild) place.append(...data.panels.map(([, markup]) => svg(markup)));
  };
  const node = h("details", { open: data.panels.length <= FEW, on: { toggle: (event) => event.target.open && fill() } },
    h("summary", {}, h("h2", {}, "Each server over time")),
    h("p", { class: "legend" }, legend.map(([look, text]) => [h("span", { class: look }, text.slice(0, 1)), text.slice(1), "  "])),
    place);
  if (node.open) fill();
  return node;
}

function metrics(data) {
  if (!data.metrics) return null;
  const { heads, rows, notes } = data.metrics;
  return [
    h("h2", {}, "Metrics of this scenario"),
    dataTable(heads, rows, "Metrics of this scenario"),
    notes.length ? h("ul", { class: "notes" }, notes.map(([metric, servers, text]) =>
      h("li", {}, h("b", {}, metric), servers.length ? ` (${servers.join(", ")})` : "", `: ${text}`))) : null,
    tableTools(`${data.title}: metrics`, heads, rows),
  ];
}

function detail(data, cell, open) {
  const node = h("details", { class: "server", data: { server: cell.server } },
    h("summary", {}, h("h3", {}, cell.server), " ", gradeMark(data.grades, cell.grade, cell.label)));
  let filled = false;
  const fill = () => {
    if (filled) return;
    filled = true;
    node.append(...content(cell).flat(Infinity).filter(Boolean));
  };
  node.addEventListener("toggle", () => node.open && fill());
  const show = () => {
    fill();
    node.open = true;
    node.scrollIntoView({ block: "start" });
    node.querySelector("summary").focus({ preventScroll: true });
  };
  if (open) {
    fill();
    node.open = true;
  }
  return { node, cell, show };
}

function content(cell) {
  return [
    cell.note ? h("p", {}, prose(cell.note)) : null,
    cell.caveats.length ? h("ul", { class: "caveats" }, cell.caveats.map((each) => h("li", {}, prose(each)))) : null,
    cell.disconnect ? h("p", {}, "Slow clients were disconnected: ", cell.disconnect) : null,
    cell.generator ? h("p", {}, cell.generator) : null,
    cell.workers ? [h("h4", {}, "Workers that generated the load"), dataTable(cell.workers.heads, cell.workers.rows, `Workers that loaded ${cell.server}`)] : null,
    cell.cost ? h("p", {}, cell.cost) : null,
    cell.phases ? [h("h4", {}, "Phases"), dataTable(cell.phases.heads, cell.phases.rows, `Phases of ${cell.server}`)] : null,
    cell.steps ? [h("h4", {}, "Steps"), dataTable(cell.steps.heads, cell.steps.rows, `Steps of ${cell.server}`)] : null,
    cell.traffic ? [h("h4", {}, "Requests of the traffic"), dataTable(cell.traffic.heads, cell.traffic.rows, `Requests of the traffic, ${cell.server}`)] : null,
    pairs("The server as it was run", cell.conditions),
    pairs("Parameters of the scenario", cell.parameters),
    cell.seconds ? h("p", { class: "muted" }, `This cell took ${cell.seconds}.`) : null,
    cell.log ? h("details", {}, h("summary", {}, "Log of the server"), h("pre", { text: cell.log })) : null,
  ];
}

function pairs(title, values) {
  if (!values.length) return null;
  return [h("h4", {}, title), h("dl", { class: "pairs" }, values.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))];
}
