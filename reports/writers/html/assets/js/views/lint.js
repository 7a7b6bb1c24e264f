// Lint findings by kind and server. They never change a verdict.

import { breakable, h } from "../dom.js";
import { cellLink, checkedServers, withEscapes } from "../marks.js";
import { roving } from "../roving.js";
import { clean, counted, oneLine } from "../text.js";

/** Servers up to which each has a column. */
const MAX_COLUMNS = 15;

const MAX_LISTED = 200;

export async function render(context, params) {
  const { rules } = await context.store.block("view/lint");
  const kinds = findingsByKind(context.store);
  const servers = checkedServers(context.store);
  const [kind, server] = [params.query.get("kind") ?? "", context.store.serverIndex(params.query.get("server") ?? "")];
  return h("section", { class: "lint" },
    h("h1", {}, "Lint"),
    h("p", {}, "Lint checks every response, whatever its case asked for. The numbers are cases with the finding. Lint never changes a verdict."),
    servers.length > MAX_COLUMNS ? byServer(context, kinds, servers, rules) : byKind(context, kinds, servers, rules),
    kinds.has(kind) && details(context, kind, kinds.get(kind), server, rules));
}

/** Return the cases [place, finding] by kind and server, the most frequent kind first. */
export function findingsByKind(store) {
  const kinds = new Map();
  for (const server of checkedServers(store)) {
    for (let place = 0; place < store.index.cases.length; place++) {
      const seen = new Set();
      for (const finding of store.findings(server, place)) {
        const kind = finding.split(":", 1)[0];
        if (seen.has(kind)) continue;
        seen.add(kind);
        if (!kinds.has(kind)) kinds.set(kind, new Map());
        const cells = kinds.get(kind);
        if (!cells.has(server)) cells.set(server, []);
        cells.get(server).push([place, finding]);
      }
    }
  }
  return new Map([...kinds].sort((a, b) => total(b[1]) - total(a[1])));
}

const total = (cells) => [...cells.values()].reduce((sum, each) => sum + each.length, 0);

function count(context, kind, cells, server) {
  const number = cells.get(server)?.length ?? 0;
  if (!number) return h("td", { class: "n zero" }, "·");
  const { name } = context.store.index.servers[server];
  return h("td", { class: "n" }, h("a", { href: context.link("lint", [], { kind, server: name }), aria: { label: `${kind}, ${name}: ${counted(number, "case")}` } }, number.toLocaleString("en")));
}

function byKind(context, kinds, servers, rules) {
  const table = h("table", { class: "data lint-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "finding"), servers.map((server) => serverHead(context, server)))),
    h("tbody", {}, [...kinds].map(([kind, cells]) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: context.link("lint", [], { kind }) }, oneLine(kind, 60)), h("small", {}, describe(kind, rules))),
      servers.map((server) => count(context, kind, cells, server))))));
  return box(table, "Findings by kind and server");
}

function byServer(context, kinds, servers, rules) {
  const table = h("table", { class: "data lint-table turned" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "server"), [...kinds.keys()].map((kind) =>
      h("th", { scope: "col", class: "turned-head" }, h("a", { href: context.link("lint", [], { kind }), title: describe(kind, rules) }, oneLine(kind, 60)))))),
    h("tbody", {}, servers.map((server) => h("tr", {},
      h("th", { scope: "row" }, context.store.index.servers[server].name),
      [...kinds].map(([kind, cells]) => count(context, kind, cells, server))))));
  return box(table, "Findings by server and kind");
}

function serverHead(context, server) {
  const info = context.store.index.servers[server];
  return h("th", { scope: "col", class: "n" }, breakable(info.name), h("small", {}, info.version));
}

function box(table, label) {
  roving(table);
  return h("div", { class: "box", role: "region", aria: { label } }, table);
}

const describe = (kind, rules) => (rules[kind] ?? []).filter(Boolean).join("; ");

function details(context, kind, cells, asked, rules) {
  const shown = [...cells].filter(([server]) => asked < 0 || server === asked);
  const list = h("div", { class: "found-cells" }, shown.map(([server, places]) => [
    h("h3", {}, context.store.index.servers[server].name, " ", h("span", { class: "muted" }, counted(places.length, "case"))),
    h("ul", {}, places.slice(0, MAX_LISTED).map(([place, finding]) => h("li", {},
      cellLink(context, server, place, context.store.index.cases[place].id), " ",
      h("span", { class: "muted" }, withEscapes(clean(finding.slice(kind.length + 1).trim())))))),
    places.length > MAX_LISTED && h("p", { class: "muted" }, `${counted(places.length - MAX_LISTED, "more case")}.`),
  ]));
  roving(list);
  return h("section", { class: "kind", id: "kind" }, h("h2", {}, oneLine(kind, 60)), h("p", {}, describe(kind, rules)), list);
}
