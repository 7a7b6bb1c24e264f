// Charts that Python made, each with its data and its exports.

import { copyText, saveFile } from "./copy.js";
import { h, svg } from "./dom.js";
import { exportTable, pictureOf, toPng } from "./export.js";

const phone = matchMedia("(max-width: 760px)");

// A figure with its bound and its unit, as "≥ 5 s", "87 %" or "1,020/s"; or none.
const FIGURE = /^(–|[≥≤>]?\s?[+−-]?[\d.,]+\s?[a-zA-Zµ%×/]*( \d\d\ss)?)$/;

/** Return a table of texts. Columns that hold only figures are aligned to the right. */
export function dataTable(heads, rows, label) {
  const figures = heads.map((_, place) => place > 0 && rows.every((row) => FIGURE.test(row[place] ?? "")));
  return h("div", { class: "box fit", tabindex: "0", role: "region", aria: { label } },
    h("table", { class: "data" },
      h("thead", {}, h("tr", {}, heads.map((each, place) => h("th", { scope: "col", class: figures[place] ? "n" : "" }, each)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((each, place) =>
        place === 0 ? h("th", { scope: "row" }, each) : h("td", { class: figures[place] ? "n" : "" }, each)))))));
}

/**
 * Return a figure with a chart and its buttons: the data as a table, SVG, PNG, CSV, Markdown.
 *
 * `data` is {name, title, svg, narrow, heads, rows}. `narrow` is the chart for telephones; without it `svg` is shown
 * everywhere.
 */
export function chartFigure(context, data) {
  const file = data.name.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "") || "chart";
  const picture = h("div", { class: "chart-place" });
  const draw = () => picture.replaceChildren(svg(phone.matches && data.narrow ? data.narrow : data.svg));
  const follow = () => {
    if (picture.isConnected) draw();
    else phone.removeEventListener("change", follow);
  };
  phone.addEventListener("change", follow);
  draw();
  const place = h("div", { hidden: true });
  const toggle = h("button", { type: "button", aria: { expanded: "false" }, on: { click: () => {
    const open = place.hidden;
    if (open && !place.firstChild) place.append(dataTable(data.heads, data.rows, `Data of the chart: ${data.title}`));
    place.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
  } } }, "Table");
  const tool = (label, title, action) => h("button", { type: "button", aria: { label: `${title}: ${data.title}` }, on: { click: () =>
    Promise.resolve().then(action).catch((problem) => context.toast(`That did not work: ${problem.message}`)) } }, label);
  const shown = () => pictureOf(picture.querySelector("svg"));
  return h("figure", { class: data.narrow ? "chart-box large" : "chart-box", data: { chart: data.name } },
    picture,
    h("figcaption", { class: "tools" },
      toggle,
      tool("SVG", "Save as SVG", () => saveFile(`${file}.svg`, "image/svg+xml", shown())),
      tool("PNG", "Save as PNG", async () => saveFile(`${file}.png`, "image/png", await toPng(shown()))),
      tool("CSV", "Save as CSV", () => saveFile(`${file}.csv`, "text/csv", exportTable(data.heads, data.rows).csv)),
      tool("Markdown", "Copy as Markdown", () => copyText(exportTable(data.heads, data.rows).markdown, "the table"))),
    place);
}

/** Return the buttons that export a table of texts as CSV and Markdown. */
export function tableTools(name, heads, rows) {
  const table = () => exportTable(heads, rows);
  return h("p", { class: "tools" },
    h("button", { type: "button", aria: { label: `Save as CSV: ${name}` }, on: { click: () => saveFile(`${name.replace(/[^A-Za-z0-9]+/g, "-")}.csv`, "text/csv", table().csv) } }, "CSV"),
    h("button", { type: "button", aria: { label: `Copy as Markdown: ${name}` }, on: { click: () => copyText(table().markdown, "the table") } }, "Markdown"));
}
