// Two servers of the run side by side: the cells that differ, by requirement, and the figures of load.

import { SIGNS, VERDICTS } from "../data.js";
import { h } from "../dom.js";
import { cellLink, markClass } from "../marks.js";
import { roving } from "../roving.js";
import { clean, counted, oneLine } from "../text.js";
import { comparesPair } from "./rounds.js";

const JUDGED = "pfwik";
const BLAMED = "fw";

/** Requirements of a group that are shown at first. */
const MAX_ROWS = 50;

export async function render(context, params) {
  const data = await context.store.block("view/compare");
  const named = params.path.join("/");
  const names = serversOf(context.store, named);
  return h("section", { class: "compare" },
    h("h1", {}, names ? `${names[0]} and ${names[1]}` : "Compare"),
    picker(context, data, names),
    named && !names && h("p", { class: "note" }, `This report has no two servers “${oneLine(named, 160)}”. Choose two.`),
    names && await measuredInRounds(context, names.join("..")) &&
      h("p", {}, h("a", { href: context.link("rounds", names.join("..")) }, "These servers were compared in rounds"), ", which shows the differences that are real."),
    names ? pair(context, data, names) : start(context, data));
}

async function measuredInRounds({ store, views }, named) {
  if (!views.some((each) => each.name === "rounds")) return false;
  return (await store.block("view/rounds")).comparisons.some((each) => comparesPair(each, named));
}

/** Return the two servers that `A..B` names, or null. */
export function serversOf(store, text) {
  for (let at = text.indexOf(".."); at >= 0; at = text.indexOf("..", at + 1)) {
    const names = [text.slice(0, at), text.slice(at + 2)];
    if (names.every((each) => store.serverIndex(each) >= 0)) return names;
  }
  return null;
}

function picker(context, data, names) {
  const known = context.store.index.servers.filter((each) => /[^-]/.test(context.store.index.verdicts[each.name] || "") || data.figures[each.name]);
  const select = (label, place) => h("label", {}, `${label} `, h("select", { id: `compare-${place}`, on: { change: go } },
    !names && h("option", { value: "" }, "choose"), known.map(({ name }) => h("option", { value: name, selected: names?.[place] === name }, name))));
  const selects = [select("Compare", 0), select("with", 1)];
  const values = () => selects.map((each) => each.querySelector("select").value);
  function go() {
    const [a, b] = values();
    if (a && b) context.go(context.link("compare", `${a}..${b}`), { keep: true });
  }
  return h("div", { class: "tools filter", role: "group", aria: { label: "Servers" } }, selects,
    names && h("a", { class: "button", href: context.link("compare", `${names[1]}..${names[0]}`) }, "⇄ swap"),
    names && h("a", { class: "button", href: "#/compare" }, "known pairs"));
}

function start(context, data) {
  if (!data.pairs.length) return h("p", {}, "The run has no pair of servers that differ in one thing. Choose any two.");
  const load = data.pairs.some((each) => each.better || each.worse);
  const table = h("table", { class: "data pairs-table stack" },
    h("thead", {}, h("tr", {}, ["pair", "cases", ...(load ? ["scenarios"] : [])].map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, data.pairs.map((each) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: context.link("compare", `${each.plain}..${each.other}`) }, each.title), h("small", {}, each.note)),
      h("td", {}, each.summary),
      load && h("td", {}, each.better || each.worse ? `${counted(each.better, "scenario")} better, ${each.worse.toLocaleString("en")} worse` : "")))));
  roving(table);
  return [
    h("p", {}, "These servers differ in one thing: a proxy in front, a version, or the settings of the documentation."),
    h("div", { class: "box", role: "region", aria: { label: "Known pairs" } }, table),
    data.missing.length > 0 && h("ul", { class: "muted" }, data.missing.map(([chain, front, alone]) =>
      h("li", {}, `${chain}: add ${alone} to the run to see the effect of ${front}.`))),
  ];
}

function pair(context, data, names) {
  const { store } = context;
  const known = data.pairs.find((each) => each.plain === names[0] && each.other === names[1]);
  const places = names.map((each) => store.serverIndex(each));
  const found = differences(store, places);
  const [better, worse] = known?.words ?? [`only ${names[0]} breaks`, `only ${names[1]} breaks`];
  const scenarios = store.index.scenarios.filter(({ id }) => names.every((name) => data.figures[name]?.[id]));
  return [
    known && h("p", {}, `${known.title}. ${known.note}`),
    found.common > 0 && h("p", {}, `${counted(found.common, "case")} in common: the same verdict in ${found.same.toLocaleString("en")}, ` +
      `another in ${found.differing.toLocaleString("en")}, not judged for both in ${found.unjudged.toLocaleString("en")}.`),
    group(context, places, better, `${names[0]} breaks it, ${names[1]} passes`, found.improved),
    group(context, places, worse, `${names[0]} passes, ${names[1]} breaks it`, found.worsened),
    group(context, places, "other changes", "variants differ both ways, one is flaky or info, or they break it differently", found.changed),
    found.common > 0 && !found.differing && h("p", {}, "No judged case differs."),
    scenarios.length > 0 && load(context, data, names, scenarios),
  ];
}

/** Return the requirements with cases that differ, and the counts of cases. */
export function differences(store, [a, b]) {
  const found = { common: 0, same: 0, differing: 0, unjudged: 0, improved: [], worsened: [], changed: [] };
  store.index.requirements.forEach((requirement, r) => {
    const cases = [];
    let improved = 0, worsened = 0;
    for (const place of requirement.cases) {
      const [first, second] = [store.verdict(a, place), store.verdict(b, place)];
      if (first === "-" || second === "-") continue;
      found.common += 1;
      if (!JUDGED.includes(first) || !JUDGED.includes(second)) found.unjudged += 1;
      else if (first === second) found.same += 1;
      else {
        found.differing += 1;
        cases.push(place);
        improved += BLAMED.includes(first) && second === "p";
        worsened += BLAMED.includes(second) && first === "p";
      }
    }
    if (!cases.length) return;
    const kind = improved === cases.length ? "improved" : worsened === cases.length ? "worsened" : "changed";
    found[kind].push({ r, cases });
  });
  return found;
}

function group(context, servers, word, meaning, rows) {
  if (!rows.length) return null;
  const { store } = context;
  const body = h("tbody", {});
  const table = h("table", { class: "data compare-table" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "requirement"), servers.map((each) => h("th", { scope: "col" }, store.index.servers[each].name)))), body);
  const refresh = roving(table, "a[href], button");
  const show = (some) => {
    body.append(...some.map((row) => differenceRow(context, servers, row, refresh)));
    refresh();
  };
  show(rows.slice(0, MAX_ROWS));
  const more = rows.length > MAX_ROWS && h("button", { type: "button", on: { click: (event) => {
    event.target.remove();
    show(rows.slice(MAX_ROWS));
  } } }, `Show ${counted(rows.length - MAX_ROWS, "more requirement")}`);
  return h("section", { class: "difference" },
    h("h2", {}, `${word[0].toUpperCase()}${word.slice(1)} ${counted(rows.length, "requirement")}`),
    h("p", { class: "muted" }, `${meaning}.`),
    h("div", { class: "box", role: "region", aria: { label: word } }, table), more);
}

function differenceRow(context, servers, { r, cases }, refresh) {
  const { store } = context;
  const requirement = store.requirement(r);
  const name = h("th", { scope: "row" }, h("a", { href: context.link("requirement", requirement.id) }, requirement.id),
    h("small", {}, [requirement.level, ...requirement.tags].join(" · ")));
  const several = cases.length > 1;
  const row = h("tr", {}, name, servers.map((server) => h("td", {}, several ? folded(context, server, r) : side(context, server, cases[0]))));
  if (several) {
    const button = h("button", { type: "button", class: "fold", aria: { expanded: "false" }, on: { click: () => {
      const list = variantList(context, servers, cases);
      if (!name.querySelector("ul")) name.append(list);
      else name.querySelector("ul").remove();
      button.setAttribute("aria-expanded", String(Boolean(name.querySelector("ul"))));
      refresh();
    } } }, `${cases.length} of ${requirement.cases.length} variants differ`);
    name.append(button);
  }
  return row;
}

function folded(context, server, r) {
  const { verdict, n, m } = context.store.requirementVerdict(server, r);
  return h("span", { class: markClass(verdict) }, `${SIGNS[verdict] ?? ""} ${n}/${m} ${VERDICTS[verdict] ?? ""}`);
}

function side(context, server, place) {
  const { store } = context;
  const letter = store.verdict(server, place);
  return [cellLink(context, server, place, VERDICTS[letter]), letter !== "p" && h("p", { class: "actual" }, oneLine(store.actual(server, place), 300))];
}

function variantList(context, servers, cases) {
  const { store } = context;
  return h("ul", { class: "variants" }, cases.map((place) => h("li", {},
    store.index.cases[place].variant || store.index.cases[place].id, " ",
    servers.map((server) => [cellLink(context, server, place, store.index.servers[server].name), " "]))));
}

function load(context, data, names, scenarios) {
  return h("section", { class: "difference" }, h("h2", {}, "Under load"),
    h("div", { class: "box", role: "region", aria: { label: "Figures of load" } },
      h("table", { class: "data load-table" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "scenario"), h("th", { scope: "col" }, "figure"), names.map((name) => h("th", { scope: "col" }, name)))),
        scenarios.map((scenario) => scenarioRows(context, scenario, names.map((name) => data.figures[name][scenario.id]))))));
}

function scenarioRows(context, scenario, cells) {
  const figures = [...new Set(cells.flatMap((each) => each.figures.map(([name]) => name)))];
  const [first, second] = cells.map((each) => each.rank);
  const difference = first && second ? second[0] - first[0] || second[1] - first[1] : 0;
  const better = difference ? (difference < 0 ? "better" : "worse") : "";
  return h("tbody", {},
    h("tr", {},
      h("th", { scope: "rowgroup", rowspan: figures.length + 1 }, h("a", { href: context.link("load", scenario.id) }, scenario.title)),
      h("td", { class: "muted" }, "grade"),
      cells.map((each, place) => h("td", {}, h("b", { class: `g ${each.grade}` }, each.sign), ` ${clean(each.label)}`,
        place === 1 && better && h("small", {}, ` ${better}`), each.note && h("small", {}, clean(each.note))))),
    figures.map((name) => h("tr", {}, h("td", { class: "muted" }, name),
      cells.map((each) => h("td", {}, each.figures.find(([other]) => other === name)?.[1] ?? "–")))));
}
