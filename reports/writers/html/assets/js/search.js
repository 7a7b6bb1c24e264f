// Search over requirements and servers. The words are compared with texts that were made once.

import { SIGNS, VERDICTS } from "./data.js";
import { h } from "./dom.js";

const MAX_RESULTS = 30;
const LETTERS = Object.fromEntries(Object.entries(VERDICTS).map(([letter, name]) => [name, letter]));

/** Return {words, is, tag, server} of a query such as `chunk is:fail tag:security server:uwsgi`. */
export function parseQuery(text) {
  const query = { words: [], is: [], tag: [], server: [] };
  for (const part of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const [, key, value] = /^(is|tag|server):(.*)$/.exec(part) || [];
    if (!key) query.words.push(part);
    else if (value) query[key].push(value);
  }
  return query;
}

/**
 * Return a function that finds requirements and servers: find(text) -> {servers: [place], requirements: [place], asked}.
 *
 * `asked` are the servers that the query names, or all of them. A requirement is found if all words are in its texts, and
 * one of the asked servers has one of the verdicts of `is:` in one of its variants.
 */
export function makeSearch(store) {
  const { index } = store;
  const names = index.servers.map((each) => `${each.name} ${each.title} ${each.version}`.toLowerCase());
  let texts = null;
  let verdicts = null;

  const prepare = () => {
    if (texts !== null) return;
    texts = index.requirements.map((each) =>
      [each.id, each.title, each.document, each.section, each.quote, each.tags.join(" "), each.level,
        ...each.cases.flatMap((place) => [index.cases[place].id, index.cases[place].summary])].join("\n").toLowerCase());
    verdicts = index.servers.map((_, server) => index.requirements.map((each) =>
      each.cases.map((place) => store.verdict(server, place)).join("")));
  };

  const find = (text) => {
    prepare();
    const query = parseQuery(text);
    const wanted = query.is.map((each) => LETTERS[each]).filter(Boolean);
    if (query.is.length && !wanted.length) return { servers: [], requirements: [], asked: [] };
    let found = index.requirements.map((_, place) => place);
    const servers = [];
    const serverWords = [...query.server];
    for (const word of query.words) {
      const kept = found.filter((place) => texts[place].includes(word));
      const named = names.flatMap((name, place) => (name.includes(word) ? [place] : []));
      servers.push(...named);
      // A word that is in no requirement names servers.
      if (kept.length || !named.length) found = kept;
      else serverWords.push(word);
    }
    const asked = names.flatMap((name, place) => (serverWords.every((word) => name.includes(word)) ? [place] : []));
    if (query.tag.length) found = found.filter((place) => query.tag.every((tag) => index.requirements[place].tags.includes(tag)));
    if (wanted.length) {
      found = found.filter((place) => asked.some((server) => wanted.some((letter) => verdicts[server][place].includes(letter))));
    } else if (serverWords.length) {
      found = asked.length ? found : [];
    }
    const listed = serverWords.length ? [...new Set([...asked, ...servers])] : [...new Set(servers)];
    return { servers: listed, requirements: found, asked: serverWords.length ? asked : index.servers.map((_, place) => place) };
  };
  return { find, prepare };
}

/** Start the field in the header. Returns {follow(params), hasFocus(), render(context, params)}. */
export function startSearch(context) {
  const field = document.getElementById("search");
  const search = makeSearch(context.store);
  let before = "#/"; // the view before the search
  field.hidden = false;
  field.disabled = false;

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });
  field.addEventListener("focus", () => search.prepare());
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      if (field.value) {
        field.value = "";
        changed();
      } else field.blur();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      document.querySelector("#results a")?.focus();
    }
  });
  field.addEventListener("input", changed);

  // The fragment follows the field: the first letter makes an entry of the history, the others replace it.
  function changed() {
    const text = field.value.trim();
    const searching = location.hash.startsWith("#/search");
    if (!searching) before = location.hash || "#/";
    const fragment = text ? context.link("search", [], { q: text }) : before;
    context.go(fragment, { replace: searching, keep: true });
  }

  function follow(params) {
    const text = params.route === "search" ? params.query.get("q") || "" : "";
    if (document.activeElement !== field || field.value.trim() !== text) field.value = text;
  }

  function render(_, params) {
    const text = params.query.get("q") || "";
    const found = search.find(text);
    const count = found.requirements.length;
    const more = count - MAX_RESULTS;
    return h("section", { id: "results" },
      h("h1", {}, `Search: ${text || "nothing"}`),
      h("p", { role: "status", class: "muted" }, `${count} of ${context.store.index.requirements.length} requirements` +
        (found.servers.length ? `, ${found.servers.length} servers` : "")),
      found.servers.length > 0 && h("ul", { class: "found servers" }, found.servers.slice(0, 12).map((server) => serverResult(server))),
      h("ul", { class: "found" }, found.requirements.slice(0, MAX_RESULTS).map((place) => requirementResult(place, found.asked))),
      more > 0 && h("p", { class: "muted" }, `${more} more. Add a word, or `, h("code", {}, "is:fail"), ", ",
        h("code", {}, "tag:security"), ", ", h("code", {}, "server:gunicorn"), "."),
      count === 0 && found.servers.length === 0 && h("p", {}, "Nothing has all these words. The words ", h("code", {}, "is:fail"),
        ", ", h("code", {}, "tag:security"), " and ", h("code", {}, "server:gunicorn"), " narrow a search."));
  }

  function serverResult(server) {
    const { name, as_run: asRun } = context.store.index.servers[server];
    return h("li", {}, h("a", { href: context.link("cells", [], { server: name }) }, name), " ", h("span", { class: "muted" }, asRun));
  }

  function requirementResult(place, asked) {
    const each = context.store.requirement(place);
    const counts = {};
    for (const server of asked) {
      const { verdict } = context.store.requirementVerdict(server, place);
      if (verdict !== "-") counts[verdict] = (counts[verdict] || 0) + 1;
    }
    return h("li", {},
      h("a", { href: context.link("requirement", each.id) }, each.id), " ",
      h("span", { class: "muted" }, `${each.level} · ${each.document} ${each.section}`),
      h("span", { class: "counts" }, ["f", "k", "w", "p"].filter((letter) => counts[letter]).map((letter) =>
        h("span", { class: `v ${VERDICTS[letter]}` }, `${SIGNS[letter]} ${counts[letter]} ${VERDICTS[letter]} `))),
      h("div", {}, each.title));
  }

  return { follow, render, hasFocus: () => document.activeElement === field };
}
