// One requirement: its sentence, its variants, and the result of every server.

import { SIGNS, VERDICTS } from "../data.js";
import { h, prose } from "../dom.js";
import { checkedServers, legend, mark, markClass, source } from "../marks.js";
import { roving } from "../roving.js";
import { clean, counted, oneLine } from "../text.js";

export async function render(context, params) {
  const { store } = context;
  const id = params.path.join("/");
  const r = store.index.requirements.findIndex((each) => each.id === id);
  const place = store.caseIndex(id);
  const found = r >= 0 ? r : place >= 0 ? store.index.cases[place].r : -1;
  if (found < 0) return h("section", {}, h("h1", {}, "No such requirement"), h("p", {}, `This report has no requirement ${oneLine(id, 120)}.`));
  const requirement = store.requirement(found);
  const { meanings } = await store.block("view/requirement");
  return h("section", { class: "requirement" },
    h("p", { class: "above" }, h("a", { href: context.link("cells", [], { area: requirement.area }) }, requirement.area)),
    h("h1", {}, oneLine(requirement.id)),
    h("p", { class: "tags" }, [requirement.level, ...requirement.tags].map((each) => h("a", {
      class: "pill", href: context.link("cells", [], each === requirement.level ? { level: each } : { tag: each }) }, each))),
    h("p", {}, prose(clean(requirement.title))),
    requirement.quote && h("blockquote", {}, h("p", {}, clean(requirement.quote)), h("footer", {}, source(requirement))),
    h("dl", { class: "facts" }, [["Basis", requirement.basis], ["On purpose", requirement.breach], ["Sends", requirement.sent],
      ["Expects", requirement.expected], ["Why", requirement.why]].filter(([, text]) => text)
      .map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, prose(clean(text)))))),
    table(context, found, requirement),
    legend(meanings),
    requirement.cases.length > 1 && variants(store, requirement));
}

function table(context, r, requirement) {
  const { store } = context;
  const many = requirement.cases.length > 1;
  const servers = checkedServers(store);
  const rows = servers.map((server) => ({ server, ...store.requirementVerdict(server, r) }));
  const order = `${store.index.decisive}-`;
  rows.sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || b.n / b.m - a.n / a.m || a.server - b.server);
  const made = h("table", { class: "data requirement-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "server"), h("th", { scope: "col" }, "verdict"),
      many && h("th", { scope: "col" }, `${requirement.cases.length} variants`), h("th", { scope: "col" }, "what came"))),
    h("tbody", {}, rows.map(({ server, verdict, n, m }) => {
      const { name, as_run: asRun } = store.index.servers[server];
      const worst = requirement.cases.find((each) => store.verdict(server, each) === verdict);
      return h("tr", {},
        h("th", { scope: "row" }, verdict === "-" ? name : h("a", { href: context.cellLink(server, worst) }, name), h("small", {}, asRun)),
        h("td", { class: "nowrap" }, mark(verdict), ` ${VERDICTS[verdict] ?? "no result"}`, m > 1 && h("small", {}, `${n} of ${m}`)),
        many && h("td", {}, h("span", { class: "marks" }, requirement.cases.map((each) => variantMark(context, server, each)))),
        h("td", { class: "actual" }, verdict === "p" || verdict === "-" ? "" : oneLine(store.actual(server, worst), 240)));
    })));
  roving(made);
  return h("div", { class: "box", role: "region", aria: { label: "Results by server" } }, made);
}

function variantMark(context, server, place) {
  const letter = context.store.verdict(server, place);
  const { id, variant } = context.store.index.cases[place];
  if (letter === "-") return h("span", { class: markClass(letter), title: `${variant || id}: no result` }, "·");
  const label = `${variant || id}: ${VERDICTS[letter]}`;
  return h("a", { class: markClass(letter), href: context.cellLink(server, place), title: label, aria: { label } }, SIGNS[letter]);
}

function variants(store, requirement) {
  const cases = requirement.cases.map((place) => store.index.cases[place]);
  const described = new Set(cases.map((each) => each.summary)).size > 1;
  return [
    h("h2", {}, counted(cases.length, "variant")),
    described ? h("dl", { class: "facts variants" }, cases.map((each) => h("div", {}, h("dt", {}, each.variant || each.id), h("dd", {}, prose(clean(each.summary))))))
      : h("p", { class: "variant-names" }, cases.map((each) => [h("code", {}, each.variant || each.id), " "])),
  ];
}
