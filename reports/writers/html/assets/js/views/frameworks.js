// Each server with the app of each framework.

import { VERDICTS } from "../data.js";
import { breakable, h } from "../dom.js";
import { mark } from "../marks.js";
import { roving } from "../roving.js";
import { clean } from "../text.js";

export async function render(context) {
  const matrix = await context.store.block("view/frameworks");
  return h("section", { class: "frameworks-view" },
    h("h1", {}, "Frameworks"),
    h("p", {}, matrix.summary),
    matrix.rows.length > 0 && table(context, matrix),
    matrix.unavailable.length > 0 && [h("h2", {}, "Not available"), h("dl", { class: "pairs" }, matrix.unavailable.map(([name, why]) => [h("dt", {}, name), h("dd", {}, clean(why))]))]);
}

function table(context, matrix) {
  const failed = matrix.rows.some((row) => row.failed_cases);
  const made = h("table", { class: "data frameworks" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "server"),
      matrix.frameworks.map(([, title]) => h("th", { scope: "col" }, title)), failed && h("th", { scope: "col" }, "cases that did not pass"))),
    h("tbody", {}, matrix.rows.map((row) => h("tr", {},
      h("th", { scope: "row" }, breakable(row.server)),
      row.cells.map((cell, number) => h("td", {}, cell && pairing(context, row.server, matrix.frameworks[number], cell))),
      failed && h("td", { class: "muted" }, row.failed_cases)))));
  roving(made);
  return h("div", { class: "box", role: "region", aria: { label: "Servers and frameworks" } }, made);
}

function pairing(context, server, [name, title], cell) {
  const label = `${title} on ${server}: ${VERDICTS[cell.letter]}${cell.judged ? `, ${cell.passed} of ${cell.judged} passed` : ""}${cell.why ? `: ${cell.why}` : ""}`;
  const [at, place] = [context.store.serverIndex(server), context.store.caseIndex(cell.case)];
  // One cell is enough if all passed or none was judged. Else the list of the cells shows more.
  const href = cell.letter === "p" || !cell.judged || at < 0 || place < 0
    ? context.cellLink(at, place) : context.link("cells", [], { q: `frameworks/${name}`, server });
  return h("a", { class: "to-cell", href, title: label, aria: { label } }, mark(cell.letter), cell.judged ? ` ${cell.passed}/${cell.judged}` : "");
}
