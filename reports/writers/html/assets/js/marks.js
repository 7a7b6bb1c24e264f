// Signs of verdicts, links to cells, and the words of a filter: what the views about conformance share.

import { SIGNS, VERDICTS } from "./data.js";
import { h } from "./dom.js";
import { clean } from "./text.js";

/** The letters of verdicts that blame the server or are flaky, the worst first. */
export const BROKEN = "fkw";

/** Return the CSS class of a cell: its verdict, and how it compares to the baseline. */
export function markClass(letter, status = "") {
  return `v ${VERDICTS[letter] ?? "none"}${status ? ` ${status}` : ""}`;
}

/** Return the CSS class of a cell's status in the baseline: "unexpected", "expected", or ''. */
export function statusClass(store, server, places) {
  let found = "";
  for (const place of places) {
    const status = store.baseline(server, place)?.status ?? "";
    if (status.startsWith("unexpected")) return "unexpected";
    if (status) found = "expected";
  }
  return found;
}

/** Return the sign of a verdict. */
export function mark(letter, status = "") {
  return h("b", { class: markClass(letter, status), aria: { hidden: "true" } }, SIGNS[letter] ?? "·");
}

/** Return a link to a cell: its sign and a text. Screen readers read the verdict. */
export function cellLink(context, server, place, text, props = {}) {
  const { store } = context;
  const letter = store.verdict(server, place);
  const content = [mark(letter), text === undefined ? null : h("span", {}, text)];
  if (letter === "-") return h("span", { class: "to-cell", title: "no result", ...props }, content);
  const label = `${store.index.servers[server].name}, ${store.index.cases[place].id}: ${VERDICTS[letter]}`;
  return h("a", { class: "to-cell", href: context.cellLink(server, place), aria: { label }, title: label, ...props }, content);
}

/** Return the legend of the verdicts that occur. `meanings` has the meaning by letter. */
export function legend(meanings) {
  return h("p", { class: "legend" }, Object.entries(meanings).map(([letter, meaning]) =>
    h("span", {}, mark(letter), ` ${VERDICTS[letter]}: ${meaning}`)));
}

/** Return the places of all servers that have a result of conformance. */
export function checkedServers(store) {
  return store.index.servers.flatMap((each, place) => (/[^-]/.test(store.index.verdicts[each.name] || "") ? [place] : []));
}

/** Return the counts of requirements of a server, each once. Those that check the user's app do not count. */
export function requirementCounts(store, server, requirements) {
  const counts = { must: 0, should: 0, pass: 0, judged: 0, asked: 0, flaky: 0, security: 0 };
  for (const r of requirements) {
    if (store.requirement(r).of_app) continue;
    const { verdict } = store.requirementVerdict(server, r);
    if (verdict === "-") continue;
    counts.asked += 1;
    if (verdict === "f") counts.must += 1;
    else if (verdict === "w") counts.should += 1;
    else if (verdict === "p") counts.pass += 1;
    else if (verdict === "k") counts.flaky += 1;
    if ("fwp".includes(verdict)) counts.judged += 1;
    if (verdict === "f" && store.requirement(r).tags.includes("security")) counts.security += 1;
  }
  return counts;
}

/** Return a bar of requirements: pass, should and must, of the judged ones. */
export function requirementBar(counts, label = "") {
  const text = `${counts.must} must · ${counts.should} should · of ${counts.judged}`;
  const parts = [["pass", counts.pass], ["warn", counts.should], ["fail", counts.must]].filter(([, number]) => number);
  return h("span", { class: "req-bar", title: label ? `${label}: ${text} judged` : `${text} judged` },
    h("span", { class: "bar", aria: { hidden: "true" } }, parts.map(([name, number]) => {
      const part = h("i", { class: name });
      part.style.flexGrow = number;
      return part;
    })),
    h("span", { class: "bar-text" }, text));
}

/** Return the parts of a text with its escapes as their own elements. */
export function withEscapes(text) {
  return text.split(ESCAPE).map((part, place) => (place % 2 ? h("i", {}, part) : part)).filter((part) => part !== "");
}

const ESCAPE = /((?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[rntvf\\]))+)/;

/** Return the source of a requirement: document and section, as a link if there is an address. */
export function source(requirement) {
  const text = [requirement.document, requirement.section].filter(Boolean).map(clean).join(", ");
  return requirement.url ? h("a", { href: requirement.url }, text) : text;
}
