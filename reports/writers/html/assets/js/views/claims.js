// Claims: common statements about servers, the rule of each, and whether it held on each server.

import { tableTools } from "../chart.js";
import { h } from "../dom.js";

export async function render(context) {
  const data = await context.store.block("view/claims");
  return h("section", { class: "claims" },
    h("h1", {}, "Claims"),
    h("p", {}, "A claim is a common statement about servers. A scenario tests it by a rule. A claim that did not hold does not blame the server."),
    data.statements.map((each) => statement(context, data, each)),
    unmeasured(context, data.unmeasured),
    data.statements.length ? h("p", { class: "legend" }, Object.entries(data.verdicts).map(([name, [, label, meaning]], place) =>
      [place ? " · " : "", mark(data, name), ` ${meaning}`])) : null);
}

function statement(context, data, { statement: text, rule, summary, rows }) {
  const heads = ["server", "verdict", "figures"];
  return [
    h("h2", {}, text),
    h("p", {}, h("b", {}, summary), ". ", h("span", { class: "muted" }, `The rule: ${rule}`)),
    h("div", { class: "box fit", tabindex: "0", role: "region", aria: { label: text } }, h("table", { class: "figures" },
      h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map(([server, scenario, verdict, figures]) => h("tr", {},
        h("th", { scope: "row" }, h("a", { href: context.link("load", scenario, { server }) }, server)),
        h("td", {}, mark(data, verdict)),
        h("td", {}, figures)))))),
    tableTools(text, heads, rows.map(([server, , verdict, figures]) => [server, data.verdicts[verdict][1], figures])),
  ];
}

function mark(data, verdict) {
  const [sign, label, , shade] = data.verdicts[verdict];
  return h("span", { class: `grade g-${shade}` }, h("span", { class: "sign", aria: { hidden: "true" } }, sign), " ", label);
}

function unmeasured(context, cells) {
  if (!cells.length) return null;
  return [
    h("h2", {}, "Claims without a verdict"),
    h("ul", { class: "found" }, cells.map(([title, scenario, server, why]) => h("li", {},
      h("a", { href: context.link("load", scenario, { server }) }, title), ` on ${server}: ${why}`))),
  ];
}
