// The fragment is the state of the page: which view is shown, and how.

/**
 * Return {route, path, rest, tail, query} of a fragment such as `#/cells?is=fail` or `#/cell/SERVER/CASE`.
 *
 * `path` has the words after the route. `rest` is all of them, and `tail` all but the first, joined again: ids of cases
 * have slashes.
 */
export function parseFragment(fragment) {
  const [words, query] = split(fragment.replace(/^#?\/?/, ""), "?");
  const [route, ...path] = words.split("/").map(decode);
  const [rest, tail] = [path.join("/"), path.slice(1).join("/")];
  return { route, path, rest, tail, query: new URLSearchParams(query) };
}

/** Return the fragment of a view. `path` is a list of words or one word, `query` an object; empty values are left out. */
export function fragmentOf(route, path = [], query = {}) {
  const list = Array.isArray(path) ? path : [path];
  const encode = (word, place) => {
    const text = encodeURIComponent(word).replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2B", "+");
    return place === list.length - 1 ? text.replaceAll("%2F", "/") : text;
  };
  const words = [route, ...list.map(encode)];
  const values = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  const text = values.toString();
  return `#/${words.join("/")}${text ? `?${text}` : ""}`;
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "x";

// Parts of the page of version 1 by their id.
const OLD_PARTS = {
  overview: "#/slow-clients", load: "#/slow-clients", matrix: "#/conformance", cells: "#/conformance", lint: "#/lint",
  claims: "#/claims", comparisons: "#/compare", comparison: "#/compare", frameworks: "#/frameworks", history: "#/compare",
  "not-judged": "#/not-judged", environment: "#/method", servers: "#/", findings: "#/", picture: "#/", top: "#/",
};

/** Return the fragment for an anchor of an older page, such as `#cell--gunicorn-sync--http-host-missing`, or null. */
export function fromOldAnchor(fragment, index) {
  const [kind, ...parts] = decode(fragment.replace(/^#/, "")).split("--");
  if (parts.length === 0) return OLD_PARTS[kind] ?? null;
  const named = (values, text) => {
    // Names with the same letters had a number behind them, from 2 on.
    const exact = values.filter((each) => slug(each) === text);
    if (exact.length) return exact[0];
    const numbered = /^(.*)-(\d+)$/.exec(text);
    return numbered ? values.filter((each) => slug(each) === numbered[1])[Number(numbered[2]) - 1] : undefined;
  };
  const servers = index.servers.map((each) => each.name);
  const cases = index.cases.map((each) => each.id);
  const scenarios = index.scenarios.map((each) => each.id);
  if (kind === "cell") {
    const server = named(servers, parts[0]), id = named(cases, parts[1] ?? "");
    return server && id ? fragmentOf("cell", [server, id]) : null;
  }
  if (kind === "case") {
    const id = named(cases, parts[0]);
    return id ? fragmentOf("requirement", index.requirements[index.cases[cases.indexOf(id)].r].id) : null;
  }
  if (kind === "area") {
    const area = named(index.areas, parts[0]);
    return area ? fragmentOf("conformance", [], { q: area }) : null;
  }
  if (kind === "load") {
    const id = named(scenarios, parts[0]);
    return id ? fragmentOf("load", id) : null;
  }
  if (kind === "comparison") {
    const [a, b] = [named(servers, parts[0]), named(servers, parts[1] ?? "")];
    return a && b ? fragmentOf("compare", `${a}..${b}`) : null;
  }
  return null;
}

/**
 * Follow the fragment. `show(fragment, {back, keep, scroll, focus})` renders a view; it is called at once for the first.
 *
 * `go(fragment, {replace, quiet, keep})` changes the fragment: `replace` makes no new entry of the history, `quiet` shows
 * nothing, `keep` leaves scroll position and focus.
 */
export function startRouter(show) {
  let current = null;
  history.scrollRestoration = "manual";
  const remember = () => history.replaceState({ scroll: scrollY, focus: focusKey() }, "");
  const follow = (from) => {
    if (location.hash === current) return undefined;
    current = location.hash;
    const shown = show(current, from);
    return Promise.resolve(shown).finally(() => {
      if (fragmentsDiffer()) current = location.hash;
    });
  };
  // An anchor of an older page was replaced by its fragment.
  const fragmentsDiffer = () => current && !current.startsWith("#/") && location.hash.startsWith("#/");
  const go = (fragment, { replace = false, quiet = false, keep = false } = {}) => {
    if (fragment === location.hash) return undefined;
    if (!replace) remember();
    history[replace ? "replaceState" : "pushState"]({}, "", fragment);
    if (quiet) current = location.hash;
    return follow({ keep });
  };
  addEventListener("popstate", () => follow({ back: true, ...history.state }));
  addEventListener("hashchange", () => follow({}));
  addEventListener("scrollend", () => {
    if (location.hash === current) remember();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.('a[href^="#/"]');
    if (!link) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  return { go, ready: follow({ back: true, ...history.state }) };
}

// What has the focus, as a selector that survives rendering the view again.
function focusKey() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  const link = element.getAttribute("href");
  return link ? `a[href="${CSS.escape(link)}"]` : null;
}
