// One cell beside the last view: the verdict, what was expected and what came, the sentence, and the evidence.

import { copyText } from "../copy.js";
import { VERDICTS } from "../data.js";
import { h, prose } from "../dom.js";
import { FORMS, showEvidence } from "../evidence.js";
import { issueText } from "../issue.js";
import { BROKEN, cellLink, checkedServers, mark, source, withEscapes } from "../marks.js";
import { roving } from "../roving.js";
import { clean, counted, oneLine } from "../text.js";

const NEEDS = /needs ([\w./-]+), which /;

export async function render(context, params) {
  const { store } = context;
  const [serverName, ...words] = params.path;
  const id = words.join("/");
  const server = store.serverIndex(serverName), place = store.caseIndex(id);
  if (server < 0 || place < 0 || store.verdict(server, place) === "-") {
    return h("section", { class: "cell" }, h("h2", {}, "No such cell"),
      h("p", {}, `This report has no result of ${oneLine(serverName ?? "", 80)} in ${oneLine(id, 120)}.`));
  }
  const [view, evidence] = await Promise.all([store.block("view/cell"), store.evidence(server, place)]);
  const requirement = store.requirement(store.index.cases[place].r);
  const letter = store.verdict(server, place);
  const cell = {
    server: store.index.servers[server], id, letter,
    expected: evidence?.expected || requirement.expected, got: evidence?.got || store.actual(server, place),
    replay: (view.replay[serverName] ?? []).join(shellWord(id)), run: view.run,
  };
  return h("section", { class: "cell", data: { verdict: VERDICTS[letter] } },
    head(context, server, place, view, requirement),
    buttons(cell, requirement, evidence),
    letter === "p" ? null : results(context, server, cell),
    findings(store, server, place),
    sentence(requirement),
    facts(requirement, store.index.cases[place]),
    evidence && !isMissing(evidence, letter) ? showEvidence(evidence, { form: formOf(params), changed: (form) => keepForm(context, form), name: fileName(cell), replay: cell.replay }) : leftOut(cell),
    around(context, server, place, requirement));
}

function head(context, server, place, view, requirement) {
  const { store } = context;
  const letter = store.verdict(server, place);
  const info = store.index.servers[server];
  const attempts = store.attempts(server, place) ?? 1;
  const passed = segmentations(view.segmentations, info.name, store.index.cases[place].id);
  const said = [VERDICTS[letter], view.meanings[letter]].filter(Boolean).join(": ");
  return [
    h("h2", { class: "cell-title" }, oneLine(store.index.cases[place].id)),
    h("p", { class: "cell-server" }, h("a", { href: context.link("cells", [], { server: info.name }) }, oneLine(info.name)),
      " ", h("span", { class: "muted" }, oneLine(info.as_run || info.version))),
    h("p", { class: "cell-verdict" }, mark(letter), " ", h("b", {}, said), attempts > 1 ? ` · ${attempts} attempts` : "",
      letter === "p" && passed ? ` · passed ${passed}` : ""),
    h("p", { class: "cell-summary" }, prose(clean(store.index.cases[place].summary || requirement.title))),
  ];
}

function segmentations({ usual, others }, server, id) {
  const other = others.find((each) => each[0] === server && each[1] === id);
  return other ? other[2] : usual.find(([, ids]) => ids.includes(id))?.[0] ?? "";
}

function buttons(cell, requirement, evidence) {
  const button = (text, copied, what) => h("button", { type: "button", on: { click: () => copyText(copied(), what) } }, text);
  return h("div", { class: "buttons" },
    button("Copy link", () => location.href, "the link"),
    button("Copy as issue", () => issueText(cell, requirement, evidence), "the issue"),
    button("Copy replay", () => cell.replay, "the command"));
}

function results(context, server, cell) {
  const needed = cell.letter === "s" ? NEEDS.exec(cell.got)?.[1] : undefined;
  const place = needed === undefined ? -1 : context.store.caseIndex(needed);
  return h("dl", { class: "results" },
    h("div", { class: "expected" }, h("dt", {}, "Expected"), h("dd", {}, withEscapes(clean(cell.expected || "–")))),
    h("div", { class: "got" }, h("dt", {}, "Got"), h("dd", {}, withEscapes(clean(cell.got || "–")),
      place >= 0 && h("p", {}, "It needs ", cellLink(context, server, place, needed)))));
}

function findings(store, server, place) {
  const found = store.findings(server, place);
  const status = store.baseline(server, place);
  return [
    status && h("p", { class: "baseline" }, h("b", {}, "Baseline "), clean(typeof status === "string" ? status : status.text ?? status.status),
      status.link && [" ", h("a", { href: status.link }, oneLine(status.link, 200))]),
    found.length > 0 && h("ul", { class: "findings" }, found.map((each) => h("li", {}, h("b", {}, "lint "), oneLine(each, 400)))),
  ];
}

function sentence(requirement) {
  return requirement.quote && h("blockquote", {}, h("p", {}, clean(requirement.quote)), h("footer", {}, source(requirement)));
}

function facts(requirement, info) {
  const tags = [requirement.level, ...requirement.tags];
  return h("dl", { class: "facts" },
    [["Level", tags.join(", ")], ["Variant", info.variant], ["Basis", requirement.basis], ["On purpose", requirement.breach],
      ["Sends", requirement.sent], ["Expects", requirement.expected], ["Why", requirement.why]]
      .filter(([, text]) => text).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, prose(clean(text))))));
}

function leftOut(cell) {
  return [
    h("h3", {}, "Evidence"),
    h("p", {}, "The evidence of this cell is not in this report. This command shows it:"),
    h("pre", { class: "command" }, cell.replay),
    h("p", { class: "muted" }, "The journal of the run, run.jsonl.zst, has what the run kept of it."),
  ];
}

/** Return whether the cell was judged without any evidence: the report was made from a results.json, which has none. */
function isMissing({ wire, app, log, process, digest }, letter) {
  return "pfwik".includes(letter) && !digest && ![wire, app, log, process].some((each) => each?.length);
}

/** Return the links to what is near: the other variants, the same case on other servers, and the cells that fail. */
function around(context, server, place, requirement) {
  const { store } = context;
  const variants = requirement.cases.filter((each) => store.verdict(server, each) !== "-");
  const others = checkedServers(store);
  const failing = (step) => {
    for (let at = place + step; at >= 0 && at < store.index.cases.length; at += step) {
      if (BROKEN.includes(store.verdict(server, at))) return at;
    }
    return -1;
  };
  const [before, after] = [failing(-1), failing(1)];
  const made = h("nav", { class: "around", aria: { label: "Near this cell" } },
    (before >= 0 || after >= 0) && h("p", { class: "steps" },
      before >= 0 && h("a", { class: "before", href: context.cellLink(server, before) }, `← ${store.index.cases[before].id}`),
      after >= 0 && h("a", { class: "after", href: context.cellLink(server, after) }, `${store.index.cases[after].id} →`)),
    variants.length > 1 && [
      h("h3", {}, counted(variants.length, "variant"), " ", h("a", { class: "more", href: context.link("requirement", requirement.id) }, "of this requirement")),
      h("p", { class: "cells" }, variants.map((each) => cellLink(context, server, each, store.index.cases[each].variant || store.index.cases[each].id,
        each === place ? { "aria-current": "true" } : {}))),
    ],
    others.length > 1 && [
      h("h3", {}, "On the other servers"),
      h("p", { class: "cells" }, others.filter((each) => each !== server && store.verdict(each, place) !== "-")
        .map((each) => cellLink(context, each, place, store.index.servers[each].name))),
    ]);
  for (const each of made.querySelectorAll(".cells")) roving(each);
  return made;
}

function formOf(params) {
  const form = params.query.get("bytes");
  return form && Object.hasOwn(FORMS, form) ? form : "text";
}

// The address follows the switch. Rendering the sheet again would lose the place of the reader.
function keepForm(context, form) {
  const [address, query] = location.hash.split("?");
  const values = new URLSearchParams(query);
  if (form === "text") values.delete("bytes");
  else values.set("bytes", form);
  const text = values.toString();
  context.setAddress(text ? `${address}?${text}` : address);
}

function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${oneLine(text).replaceAll("'", "'\"'\"'")}'`;
}

function fileName(cell) {
  return `${cell.server.name} ${cell.id}`.replace(/[^\w.-]+/g, "-").slice(0, 120);
}
