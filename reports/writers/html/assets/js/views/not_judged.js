// Cells of load and of conformance without a verdict, or with a flaky one, by reason.

import { VERDICTS } from "../data.js";
import { h, prose } from "../dom.js";
import { cellLink, checkedServers, mark, withEscapes } from "../marks.js";
import { roving } from "../roving.js";
import { clean, counted } from "../text.js";

/** Cells of one reason that are listed, in equal parts for its servers. Links lead to all of them. */
const MAX_LISTED = 300;

/** Reasons of one verdict that are shown at first. */
const MAX_REASONS = 60;

export async function render(context, params) {
  const { verdicts, load } = await context.store.block("view/not_judged");
  const groups = reasonGroups(context.store);
  const asked = params.query.get("is");
  return h("section", { class: "not-judged" },
    h("h1", {}, "Not judged"),
    h("p", {}, "These cells say nothing about the server, or not the same in each attempt. They are in no count of broken requirements, and their figures are grey."),
    load.map((each) => loadGroup(context, each)),
    verdicts.filter(([letter]) => groups.has(letter)).map(([letter, meaning]) => {
      const reasons = [...groups.get(letter)].sort((a, b) => b[1].length - a[1].length);
      const count = reasons.reduce((sum, [, cells]) => sum + cells.length, 0);
      return h("section", { class: "verdict-group", id: `not-judged-${VERDICTS[letter]}` },
        h("h2", {}, mark(letter), ` ${counted(count, "cell")} ${VERDICTS[letter]}`),
        h("p", { class: "muted" }, `${meaning}.`),
        reasonList(context, letter, reasons, asked === VERDICTS[letter]));
    }));
}

function loadGroup(context, { sign, label, meaning, scenarios }) {
  const count = scenarios.reduce((sum, [, , cells]) => sum + cells.length, 0);
  return h("section", { class: "verdict-group" },
    h("h2", {}, h("b", { class: "v none", aria: { hidden: "true" } }, sign), ` ${counted(count, "cell")} of load ${label}`),
    h("p", { class: "muted" }, `${meaning}.`),
    scenarios.map(([id, title, cells]) => {
      const item = h("details", { class: "reason" }, h("summary", {}, h("b", { class: "count" }, cells.length.toLocaleString("en")), ` ${title}`));
      item.addEventListener("toggle", () => {
        if (item.childElementCount > 1) return;
        const list = h("ul", { class: "reason-cells" }, cells.map(([server, why]) => h("li", {},
          h("a", { href: context.link("load", id, { server }) }, server), why ? [": ", prose(why)] : null)));
        item.append(list);
        roving(list);
      });
      return item;
    }));
}

/** Return the cells [server, place] by letter and reason. */
export function reasonGroups(store) {
  const groups = new Map();
  for (const server of checkedServers(store)) {
    for (let place = 0; place < store.index.cases.length; place++) {
      const letter = store.verdict(server, place);
      if (!"kesu".includes(letter)) continue;
      if (!groups.has(letter)) groups.set(letter, new Map());
      const reasons = groups.get(letter), reason = store.actual(server, place) || "no reason";
      if (!reasons.has(reason)) reasons.set(reason, []);
      reasons.get(reason).push([server, place]);
    }
  }
  return groups;
}

function reasonList(context, letter, reasons, open) {
  const list = h("div", { class: "reasons" });
  const show = (some) => list.append(...some.map(([reason, cells], number) => reasonItem(context, letter, reason, cells, open && number === 0)));
  show(reasons.slice(0, MAX_REASONS));
  if (reasons.length > MAX_REASONS) {
    const more = h("button", { type: "button", on: { click: () => {
      more.remove();
      show(reasons.slice(MAX_REASONS));
    } } }, `Show ${counted(reasons.length - MAX_REASONS, "more reason")}`);
    list.append(more);
  }
  return list;
}

function reasonItem(context, letter, reason, cells, open) {
  const item = h("details", { class: "reason", open }, h("summary", {}, h("b", { class: "count" }, cells.length.toLocaleString("en")), " ", withEscapes(clean(reason))));
  const fill = () => {
    if (item.childElementCount > 1) return;
    const servers = byServer(cells);
    const most = Math.max(3, Math.floor(MAX_LISTED / servers.length));
    const box = h("div", { class: "reason-cells" }, servers.map(([server, places]) => serverCells(context, letter, server, places, most)));
    item.append(box);
    roving(box);
  };
  if (open) fill();
  item.addEventListener("toggle", fill);
  return item;
}

function byServer(cells) {
  const servers = new Map();
  for (const [server, place] of cells) {
    if (!servers.has(server)) servers.set(server, []);
    servers.get(server).push(place);
  }
  return [...servers];
}

function serverCells(context, letter, server, places, most) {
  const { name } = context.store.index.servers[server];
  const left = places.length - most;
  return h("div", { class: "server-cells" }, h("h3", {}, name, " ", h("span", { class: "muted" }, counted(places.length, "cell"))),
    h("p", { class: "cells" }, places.slice(0, most).map((place) => cellLink(context, server, place, context.store.index.cases[place].id)),
      left > 0 && h("a", { href: context.link("cells", [], { is: VERDICTS[letter], server: name }) }, `${left.toLocaleString("en")} more`)));
}
