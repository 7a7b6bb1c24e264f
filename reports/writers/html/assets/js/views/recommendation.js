// The recommendation: the answer in sentences with their figures, the files to paste, the charts and the race.

import { chartFigure, dataTable, tableTools } from "../chart.js";
import { copyText, saveFile } from "../copy.js";
import { breakable, h, prose, scrollBox } from "../dom.js";
import { counted } from "../text.js";

/** Show the recommendation. `#/recommendation/FIGURE/CANDIDATE` goes to one figure in the table of all candidates. */
export async function render(context, params) {
  const data = await context.store.block("view/recommendation");
  const race = raceTable(data, { figure: params.path[0] ?? "", candidate: params.tail });
  return h("section", { class: "recommendation" },
    h("h1", {}, data.title),
    h("p", { class: "muted" }, `Asked: ${data.question}.`),
    data.warnings.map((text) => h("p", { class: "note" }, text)),
    data.parts.map((part) => [
      h("h2", {}, part.title),
      h("ul", {}, part.sentences.map((each) => sentence(context, data, each)))]),
    files(data),
    data.charts.length > 0 && h("h2", {}, "Charts"),
    data.charts.map((each) => chartFigure(context, each)),
    data.rows.length > 0 && [
      h("h2", { id: "all-candidates" }, "All candidates"),
      data.about_figures && h("p", {}, data.about_figures),
      race,
      tableTools("candidates", ["candidate", "as it ran", "place", ...data.heads.map((each) => each.label)],
        data.rows.map((row) => [row.name, row.as_run, row.place, ...row.cells.map((each) => each.text)])),
      h("h3", {}, "What the columns say"),
      h("dl", { class: "pairs" }, data.heads.map((each) => [h("dt", {}, each.label), h("dd", {}, each.meaning)]))],
    data.out.length > 0 && [h("h2", {}, "Out of the race"), h("ul", {}, data.out.map(leaver))],
    data.invalid.length > 0 && h("details", {}, h("summary", {}, `${counted(data.invalid.length, "measurement")} did not count; no server is to blame`),
      dataTable(["candidate", "stage", "reason"], data.invalid, "Invalid measurements")),
    h("h2", {}, "How it was found"),
    h("p", {}, `${data.search}. The candidates ran in short rounds, and those that others beat left the race. `,
      data.rounds && [h("a", { href: "#/rounds" }, "The rounds of the finals"), " show which differences are real."]),
    data.command && h("p", {}, "The same search again: ", command(data.command)));
}

function sentence(context, data, { text, cells, cases }) {
  const several = new Set(cells.map((each) => each.candidate)).size > 1;
  return h("li", {}, prose(text), cells.length > 0 && [" ", h("span", { class: "figures" }, "(",
    cells.map((each, place) => [place > 0 && ", ", figureLink(context, data, each, several)]), ")")],
    cases.length > 0 && h("details", {}, h("summary", {}, counted(cases.length, "broken case")), h("ul", {}, cases.map((each) =>
      h("li", {}, h("a", { href: context.link("cell", [each.server, each.case]) }, each.text))))));
}

function figureLink(context, data, each, named) {
  const text = named ? `${each.text} of ${each.candidate}` : each.text;
  const known = data.rows.some((row) => row.name === each.candidate) && data.heads.some((head) => head.figure === each.figure);
  if (!known) return text;
  const address = context.link("recommendation", [each.figure, each.candidate]);
  // The router does nothing for the address that is shown already.
  return h("a", { href: address, on: { click: () => location.hash === address && showTarget() } }, text);
}

function raceTable(data, wanted) {
  let hasTarget = false;
  const cell = (row, each) => {
    const found = row.name === wanted.candidate && each.figure === wanted.figure;
    const element = h("td", { class: found ? "n target" : "n", tabindex: found ? -1 : null }, each.text, each.spread && h("small", {}, each.spread));
    hasTarget ||= found;
    return element;
  };
  const table = scrollBox("All candidates", h("table", { class: "data race" },
    h("thead", {}, h("tr", {}, ["candidate", "place"].map((each) => h("th", { scope: "col" }, each)), data.heads.map((each) => h("th", { scope: "col", class: "n", title: each.meaning }, each.label)))),
    h("tbody", {}, data.rows.map((row) => h("tr", { class: row.out ? "out" : null },
      h("th", { scope: "row" }, breakable(row.name), row.as_run && h("small", {}, row.as_run)),
      h("td", {}, row.place),
      row.cells.map((each) => cell(row, each)))))));
  // The table is on the page after this turn of the event loop.
  if (hasTarget) setTimeout(showTarget);
  return table;
}

function showTarget() {
  const target = document.querySelector(".race .target");
  target?.scrollIntoView({ block: "center", inline: "center" });
  target?.focus({ preventScroll: true });
}

function files(data) {
  if (!data.files.length) return null;
  return [h("h2", {}, "Files to paste"), h("p", { class: "muted" }, "They have the settings that were measured. Read them before you use them."),
    data.files.map((each) => h("article", { class: "file" },
      h("h3", {}, `${each.name}, for ${each.candidate}`),
      each.path && h("p", {}, "Save it as ", h("code", {}, each.path)),
      each.shown !== each.text && h("p", { class: "note" }, "The file has characters that are shown here as escapes. Copy and save give the file as it is."),
      h("pre", {}, h("code", {}, each.shown)),
      h("p", { class: "tools" },
        h("button", { type: "button", aria: { label: `Copy ${each.name} for ${each.candidate}` }, on: { click: () => copyText(each.text, each.name) } }, "Copy"),
        h("button", { type: "button", aria: { label: `Save ${each.name} for ${each.candidate}` }, on: { click: () => saveFile(fileName(each.name), "text/plain", each.text) } }, "Save")),
      each.start && h("p", {}, "Then run: ", command(each.start))))];
}

const fileName = (name) => name.split("/").at(-1) || "file.txt";

function command(text) {
  return [h("code", {}, text), " ", h("button", { type: "button", aria: { label: `Copy the command ${text}` }, on: { click: () => copyText(text, "the command") } }, "Copy")];
}

function leaver(each) {
  return h("li", {}, h("b", {}, breakable(each.name)), ` (${each.stage}): ${each.text}`,
    each.evidence.length > 0 && h("details", {}, h("summary", {}, "Evidence"), h("ul", {}, each.evidence.map((text) => h("li", {}, h("code", {}, text))))));
}
