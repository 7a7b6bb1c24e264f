// Conformance: requirements and servers, with the variants of a requirement folded into one cell.

import { SIGNS, VERDICTS } from "../data.js";
import { breakable, h } from "../dom.js";
import { virtualGrid } from "../grid.js";
import { checkedServers, legend, markClass, requirementBar, requirementCounts, statusClass } from "../marks.js";
import { COLUMN_SORTS, IS, SORTS, chosenServers, queryOf, requirementFinder, stateOf } from "../requirement_filter.js";
import { roving } from "../roving.js";
import { clean, counted, oneLine } from "../text.js";

const ROW_HEIGHT = 44;

/** Columns from which the grid is less high, so that it has few elements. */
const MANY_COLUMNS = 30;

export async function render(context, params) {
  const view = await context.store.block("view/conformance");
  return makeView(context, view, params.query);
}

function makeView(context, view, query) {
  const { store } = context;
  const servers = checkedServers(store);
  const state = stateOf(query, store, servers);
  const find = requirementFinder(store);
  const opened = new Set();
  const status = h("p", { class: "muted status", role: "status" });
  const bars = h("div", { class: "bars" });
  const host = h("div", { class: "matrix" });
  let grid = null, drawn = "", before = "";

  const broken = (server) => {
    const counts = requirementCounts(store, server, find({ ...state, is: "" }, servers).asked);
    return counts.must * 10000 + counts.should;
  };

  const update = () => {
    const chosen = chosenServers(store, state, servers, broken);
    const { asked, shown } = find(state, chosen);
    const turned = state.rows ? state.rows === "servers" : chosen.length > view.max_columns;
    // Most keys in the field find the same as the one before.
    const found = JSON.stringify([chosen, asked, shown, turned, state.area, state.sort]);
    if (found === before) return;
    before = found;
    say(chosen, shown);
    toolbar.show(turned);
    bars.replaceChildren(...(turned || chosen.length > view.max_columns ? [] : [barTable(context, chosen, asked)]));
    if (turned) {
      [grid, drawn] = [null, ""];
      host.replaceChildren(serverGrid(context, state, chosen, asked, shown, changed));
      return;
    }
    const grouped = state.sort !== "disagreement";
    const kind = JSON.stringify([chosen, grouped]);
    if (drawn !== kind) {
      [grid, drawn] = [requirementGrid(context, chosen, grouped, opened), kind];
      host.replaceChildren(grid.node);
    }
    grid.show(shown, asked);
  };

  const say = (chosen, shown) => {
    const cases = shown.reduce((sum, place) => sum + store.requirement(place).cases.length, 0);
    status.textContent = `${shown.length.toLocaleString("en")} of ${counted(store.index.requirements.length, "requirement")}, ` +
      `${counted(cases, "case")}, ${counted(chosen.length, "server")}`;
  };

  /** Take a change of the state. `push` makes an entry of the history. */
  const changed = (change, push = true) => {
    Object.assign(state, change);
    const values = queryOf(state, store);
    const filtered = Object.values(values).some(Boolean);
    context.setAddress(context.link(filtered ? "cells" : "conformance", [], values), { push });
    update();
  };

  const toolbar = makeToolbar(context, state, servers, { changed, prepare: find.prepare });
  update();
  return h("section", { class: "conformance" },
    h("h1", {}, "Conformance"),
    bars, toolbar.node, status, host, legend(view.meanings),
    h("p", { class: "muted" }, "A requirement counts once, whatever the number of its variants. “✗ 3/10” means: 3 of 10 variants fail. ",
      "Arrow keys move in the grid, Enter opens a cell or the variants of a requirement."));
}

function makeToolbar(context, state, servers, { changed, prepare }) {
  const { store } = context;
  const { requirements, areas } = store.index;
  const tags = [...new Set(requirements.flatMap((each) => each.tags))].sort();
  const levels = [...new Set(requirements.map((each) => each.level))];
  const select = (key, label, options) => h("label", {}, `${label} `, h("select", { id: `filter-${key}`, on: {
    change: (event) => changed({ [key]: event.target.value }) } },
  options.map(([value, text]) => h("option", { value, selected: state[key] === value }, text))));
  const same = (values) => values.map((each) => [each, clean(each)]);
  const names = (values, first) => Object.entries(values).map(([value, text]) => [value === first ? "" : value, text]);
  const field = h("input", {
    id: "filter-q", type: "search", placeholder: "words, section", value: state.q, aria: { label: "Words" },
    on: {
      focus: prepare,
      input: (event) => changed({ q: event.target.value.trim() }, !state.q),
      keydown: (event) => {
        if (event.key !== "Escape" || !field.value) return;
        event.preventDefault();
        field.value = "";
        changed({ q: "" }, false);
      },
    },
  });
  const rows = h("select", { id: "filter-rows", on: { change: (event) => changed({ rows: event.target.value }) } },
    h("option", { value: "requirements" }, "requirements"), h("option", { value: "servers" }, "servers"));
  const node = h("div", { class: "tools filter", role: "group", aria: { label: "Filter" } },
    select("is", "Show", [["", "all"], ...Object.keys(IS).map((each) => [each, each === "differs" ? "servers differ" : each])]),
    select("tag", "Tag", [["", "any"], ...same(tags)]),
    select("level", "Level", [["", "any"], ...same(levels)]),
    select("area", "Area", [["", "all"], ...same(areas)]),
    field,
    select("sort", "Sort", names(SORTS, "catalogue")),
    select("columns", "Servers by", names(COLUMN_SORTS, "run")),
    h("label", {}, "Rows ", rows),
    servers.length > 1 && picker(store, state, servers, changed));
  return { node, show: (turned) => { rows.value = turned ? "servers" : "requirements"; } };
}

function picker(store, state, servers, changed) {
  const summary = h("summary", { class: "button" });
  const say = () => { summary.textContent = state.servers.length ? `${state.servers.length} of ${servers.length} servers` : "Pick servers"; };
  const node = h("details", { class: "picker", on: { toggle: () => {
    if (node.open && node.childElementCount === 1) node.append(serverBoxes(store, state, servers, changed, say));
  } } }, summary);
  say();
  return node;
}

function serverBoxes(store, state, servers, changed, say) {
  const boxes = servers.map((server) => h("input", { type: "checkbox", checked: !state.servers.length || state.servers.includes(server) }));
  const take = () => {
    const chosen = servers.filter((_, number) => boxes[number].checked);
    changed({ servers: chosen.length === servers.length ? [] : chosen });
    say();
  };
  const every = (checked) => h("button", { type: "button", on: { click: () => {
    for (const each of boxes) each.checked = checked;
    if (checked) take();
  } } }, checked ? "All" : "None");
  for (const each of boxes) each.addEventListener("change", take);
  return h("div", { class: "picked" }, h("p", {}, every(true), " ", every(false)),
    servers.map((server, number) => h("label", {}, boxes[number], " ", store.index.servers[server].name)));
}

function barTable(context, chosen, asked) {
  const { store } = context;
  const table = h("table", { class: "data bar-table" },
    h("thead", {}, h("tr", {}, ["server", "requirements broken, of those judged", "security", "flaky", "not judged"].map((each, number) =>
      h("th", { scope: "col", class: number > 1 ? "n" : "" }, each)))),
    h("tbody", {}, chosen.map((server) => {
      const counts = requirementCounts(store, server, asked);
      const { name, as_run: asRun } = store.index.servers[server];
      const link = (values, number) => (number ? h("a", { href: context.link("cells", [], { server: name, ...values }) }, number.toLocaleString("en")) : "0");
      const others = counts.asked - counts.judged - counts.flaky;
      return h("tr", {},
        h("th", { scope: "row" }, h("a", { href: context.link("cells", [], { server: name, is: "broken" }) }, name), h("small", {}, asRun)),
        h("td", {}, requirementBar(counts, name)),
        h("td", { class: "n" }, link({ is: "fail", tag: "security" }, counts.security)),
        h("td", { class: "n" }, link({ is: "flaky" }, counts.flaky)),
        h("td", { class: "n muted" }, others.toLocaleString("en")));
    })));
  roving(table);
  return h("div", { class: "box", role: "region", aria: { label: "Requirements by server" } }, table);
}

// -- rows are requirements

/** Return {node, show(shown, asked)}: a grid with a row for each requirement, below a row for each area. */
function requirementGrid(context, chosen, grouped, opened) {
  const { store } = context;
  let rows = [], shown = [], byArea = new Map();
  const fill = () => {
    rows = [];
    let area = null;
    for (const place of shown) {
      const each = store.requirement(place);
      if (grouped && each.area !== area) {
        area = each.area;
        rows.push({ area });
      }
      rows.push({ r: place });
      if (opened.has(place)) rows.push(...each.cases.map((variant) => ({ r: place, variant })));
    }
  };
  const toggle = (row) => {
    const { r } = rows[row];
    if (opened.has(r)) opened.delete(r);
    else opened.add(r);
    fill();
    node.refresh({ rowCount: rows.length });
    node.moveTo(row, 0);
  };
  const node = virtualGrid({
    label: "Requirements and servers", className: "conformance-grid", rowHeight: ROW_HEIGHT, rowCount: 0,
    height: chosen.length > MANY_COLUMNS ? "50vh" : "75vh",
    heads: ["requirement", ...chosen.map((server) => serverHead(store, server))],
    widths: ["minmax(var(--first), 4fr)", ...chosen.map(() => "minmax(4.6rem, 1fr)")],
    cells: (row) => (rows[row].area === undefined ? requirementCells(store, rows[row], chosen, opened, grouped)
      : areaRow(store, rows[row].area, byArea.get(rows[row].area), chosen)),
    open: (row, column) => {
      const at = rows[row];
      if (at.area !== undefined) return;
      if (column > 0) openWorst(context, chosen[column - 1], at);
      else if (at.variant === undefined && store.requirement(at.r).cases.length > 1) toggle(row);
      else context.go(context.link("requirement", store.requirement(at.r).id));
    },
  });
  node.style.setProperty("--row-width", `calc(var(--first) + ${chosen.length} * 4.6rem)`);
  const show = (places, asked) => {
    shown = places;
    byArea = placesByArea(store, asked);
    fill();
    node.refresh({ rowCount: rows.length });
  };
  return { node, show };
}

function placesByArea(store, places) {
  const areas = new Map();
  for (const place of places) {
    const { area } = store.requirement(place);
    if (!areas.has(area)) areas.set(area, []);
    areas.get(area).push(place);
  }
  return areas;
}

function areaRow(store, area, places, chosen) {
  return [
    { content: h("b", { class: "area" }, area, h("small", {}, ` ${counted(places.length, "requirement")}`)), header: true, class: "area-head" },
    ...chosen.map((server) => () => areaCell(store, server, area, places)),
  ];
}

function requirementCells(store, row, chosen, opened, grouped) {
  const requirement = store.requirement(row.r);
  if (row.variant !== undefined) {
    const { id, variant, summary } = store.index.cases[row.variant];
    return [
      { content: h("span", { class: "variant" }, variant || id), header: true, title: oneLine(summary), class: "variant-head" },
      ...chosen.map((server) => () => verdictCell(store, server, store.verdict(server, row.variant), "", id, [row.variant])),
    ];
  }
  const name = grouped ? requirement.id.slice(requirement.area.length + 1) : requirement.id;
  const many = requirement.cases.length;
  const mark = many > 1 ? (opened.has(row.r) ? "▾ " : "▸ ") : "";
  return [
    {
      header: true, title: `${requirement.id}: ${oneLine(requirement.title)}`, class: "requirement-head",
      label: `${requirement.id}, ${requirement.level}${many > 1 ? `, ${many} variants, ${opened.has(row.r) ? "open" : "closed"}` : ""}`,
      content: h("span", { class: "two-lines" }, h("span", { class: "id" }, mark, name, many > 1 && h("small", {}, ` ${many} variants`)),
        h("small", {}, [requirement.level, ...requirement.tags].join(" · "), " · ", oneLine(requirement.title))),
    },
    ...chosen.map((server) => () => {
      const { verdict, n, m } = store.requirementVerdict(server, row.r);
      return verdictCell(store, server, verdict, m > 1 ? `${n}/${m}` : "", requirement.id, requirement.cases);
    }),
  ];
}

function verdictCell(store, server, letter, count, id, places) {
  const said = `${store.index.servers[server].name}: ${VERDICTS[letter] ?? "no result"}${count ? `, ${count.replace("/", " of ")} variants` : ""}`;
  // A pass in all variants needs no numbers.
  const [n, m] = count.split("/");
  const number = count && !(letter === "p" && n === m) ? ` ${count}` : "";
  const status = statusClass(store, server, places);
  const text = status ? `${said}, ${status} by the baseline` : said;
  return { content: `${SIGNS[letter] ?? ""}${number}`, class: markClass(letter, status), title: text, label: `${id}, ${text}` };
}

// Broken and judged requirements of an area.
function areaCell(store, server, area, places) {
  const counts = requirementCounts(store, server, places);
  const letter = counts.must ? "f" : counts.should ? "w" : counts.judged ? "p" : "-";
  const said = `${store.index.servers[server].name}, ${area}: ${counts.must} must and ${counts.should} should broken of ${counts.judged} judged`;
  const content = counts.judged ? `${counts.must + counts.should} of ${counts.judged}` : "";
  return { content, class: `area-count ${markClass(letter)}`, title: said, label: said };
}

function serverHead(store, server) {
  const { name, as_run: asRun, version } = store.index.servers[server];
  return h("span", { class: "server-head", title: `${name} ${asRun || version}` }, h("span", {}, breakable(name)), h("small", {}, version));
}

/** Open the cell of a row: that of the variant, or the worst one of the requirement. */
function openWorst(context, server, at) {
  const { store } = context;
  const place = at.variant ?? worstCase(store, server, at.r);
  if (place >= 0 && store.verdict(server, place) !== "-") context.openCell(server, place);
}

/** Return the place of the case with the worst verdict of a requirement, -1 if none was asked. */
export function worstCase(store, server, r) {
  const { verdict } = store.requirementVerdict(server, r);
  return verdict === "-" ? -1 : store.requirement(r).cases.find((each) => store.verdict(server, each) === verdict);
}

// -- rows are servers

/** Return a grid with a row for each server. Its columns are areas, or the requirements of one area. */
function serverGrid(context, state, chosen, asked, shown, changed) {
  const { store } = context;
  const columns = state.area ? requirementColumns(context, shown) : areaColumns(context, asked, changed);
  const width = state.area ? "3.8rem" : "7.6rem";
  const node = virtualGrid({
    label: state.area ? `Servers and the requirements of ${state.area}` : "Servers and areas", className: `server-grid ${state.area ? "turned" : ""}`,
    rowHeight: ROW_HEIGHT, rowCount: chosen.length,
    heads: ["server", "requirements broken, of those judged", ...columns.map((each) => each.head)],
    widths: ["minmax(var(--first), 2fr)", "minmax(13rem, 2fr)", ...columns.map(() => `minmax(${width}, 1fr)`)],
    cells: (row) => {
      const server = chosen[row];
      const { name, as_run: asRun, version } = store.index.servers[server];
      return [
        { header: true, title: `${name}: its requirements as rows`, content: h("span", { class: "two-lines" }, h("span", { class: "id" }, name), h("small", {}, asRun || version)) },
        () => requirementBar(requirementCounts(store, server, asked), name), ...columns.map((each) => () => each.cell(server)),
      ];
    },
    open: (row, column) => {
      if (column < 2) changed({ servers: [chosen[row]], rows: "" });
      else columns[column - 2].open(chosen[row]);
    },
  });
  node.style.setProperty("--row-width", `calc(var(--first) + 13rem + ${columns.length} * ${width})`);
  return node;
}

function areaColumns(context, asked, changed) {
  return [...placesByArea(context.store, asked)].map(([area, places]) => ({
    head: h("span", { class: "area-column", title: counted(places.length, "requirement") }, area.replace("/", "/\u200b"), h("small", {}, ` ${places.length}`)),
    cell: (server) => areaCell(context.store, server, area, places),
    open: () => changed({ area }),
  }));
}

function requirementColumns(context, shown) {
  const { store } = context;
  return shown.map((place) => {
    const requirement = store.requirement(place);
    return {
      head: h("a", { class: "turned-head", href: context.link("requirement", requirement.id), title: `${requirement.id}: ${oneLine(requirement.title)}` },
        requirement.id.slice(requirement.area.length + 1)),
      cell: (server) => {
        const { verdict, n, m } = store.requirementVerdict(server, place);
        return verdictCell(store, server, verdict, m > 1 ? `${n}/${m}` : "", requirement.id, requirement.cases);
      },
      open: (server) => openWorst(context, server, { r: place }),
    };
  });
}
