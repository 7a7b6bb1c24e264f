// The filter of the view of conformance: which requirements and servers, in which order. Its state is in the address.

import { VERDICTS } from "./data.js";
import { BROKEN } from "./marks.js";
import { makeSearch } from "./search.js";

/** The values of `is`, with the letters of verdicts that they mean. `differs` compares servers instead. */
export const IS = {
  broken: BROKEN, ...Object.fromEntries(Object.entries(VERDICTS).map(([letter, name]) => [name, letter])), differs: "",
};

export const SORTS = { catalogue: "order of the catalogue", disagreement: "servers disagree most" };

export const COLUMN_SORTS = { run: "order of the run", name: "name", broken: "broken requirements" };

const KEYS = ["is", "tag", "level", "area", "q", "sort", "columns", "rows"];

/** Return the state {is, tag, level, area, q, sort, columns, rows, servers} of a query. Unknown values are left out. */
export function stateOf(query, store, servers) {
  const state = Object.fromEntries(KEYS.map((key) => [key, query.get(key) ?? ""]));
  if (!Object.hasOwn(IS, state.is)) state.is = "";
  if (!Object.hasOwn(SORTS, state.sort)) state.sort = "";
  if (!Object.hasOwn(COLUMN_SORTS, state.columns)) state.columns = "";
  if (!["requirements", "servers"].includes(state.rows)) state.rows = "";
  state.servers = serversOf(query.get("server") ?? "", store, servers);
  return state;
}

/** Return the query of a state for an address. Defaults are left out. */
export function queryOf(state, store) {
  const query = Object.fromEntries(KEYS.map((key) => [key, state[key]]));
  query.server = state.servers.map((each) => store.index.servers[each].name).join(" ");
  return query;
}

// One name, or several with spaces between: a name can have commas and plus signs.
function serversOf(text, store, servers) {
  const whole = store.serverIndex(text);
  const found = whole >= 0 ? [whole] : text.split(" ").filter(Boolean).map((each) => store.serverIndex(each));
  return found.filter((each) => servers.includes(each));
}

/** Return the chosen servers of a state in its order, all if it names none. */
export function chosenServers(store, state, servers, broken) {
  const chosen = state.servers.length ? servers.filter((each) => state.servers.includes(each)) : [...servers];
  const name = (each) => store.index.servers[each].name;
  if (state.columns === "name") chosen.sort((a, b) => (name(a) < name(b) ? -1 : 1));
  if (state.columns === "broken") chosen.sort((a, b) => broken(a) - broken(b) || a - b);
  return chosen;
}

/**
 * Return a function that finds the requirements of a state: find(state, servers) -> {asked, shown}: places without `is`,
 * and with it. find.prepare() does what the first word needs.
 */
export function requirementFinder(store) {
  const search = makeSearch(store);
  const all = store.index.requirements.map((_, place) => place);
  const find = (state, servers) => {
    const words = state.q ? new Set(search.find(state.q).requirements) : null;
    const asked = all.filter((place) => {
      const each = store.requirement(place);
      return (!words || words.has(place)) && (!state.tag || each.tags.includes(state.tag)) &&
        (!state.level || each.level === state.level) && (!state.area || each.area === state.area);
    });
    const shown = state.is ? asked.filter((place) => hasVerdict(store, state.is, place, servers)) : asked;
    return { asked, shown: state.sort === "disagreement" ? byDisagreement(store, shown, servers) : shown };
  };
  find.prepare = search.prepare;
  return find;
}

function hasVerdict(store, is, place, servers) {
  if (is === "differs") return disagreement(store, place, servers) > 0;
  const letters = [...IS[is]];
  return servers.some((server) => {
    const { counts } = store.requirementVerdict(server, place);
    return letters.some((letter) => counts[letter]);
  });
}

/** Return the number of servers that differ from the most frequent verdict. Only judged and flaky cells count. */
export function disagreement(store, place, servers) {
  const counts = {};
  let judged = 0;
  for (const server of servers) {
    const { verdict } = store.requirementVerdict(server, place);
    if (!"pfwk".includes(verdict)) continue;
    counts[verdict] = (counts[verdict] ?? 0) + 1;
    judged += 1;
  }
  return judged - Math.max(0, ...Object.values(counts));
}

function byDisagreement(store, places, servers) {
  const score = new Map(places.map((place) => [place, disagreement(store, place, servers)]));
  return [...places].sort((a, b) => score.get(b) - score.get(a) || a - b);
}
