// Start the page: the store, the router and the views.

import { openStore } from "./data.js";
import { h } from "./dom.js";
import { fragmentOf, fromOldAnchor, parseFragment, startRouter } from "./router.js";
import { startOverview } from "./overview.js";
import { startSearch } from "./search.js";
import { openSheet } from "./sheet.js";
import { startTheme } from "./theme.js";
import { toast } from "./toast.js";

/** Show views by the fragment. `views` has {name, title, routes, sheet, render} of each view. */
export async function start(views) {
  const root = document.documentElement;
  const overview = document.getElementById("overview");
  const place = document.getElementById("view");
  startTheme();
  let store;
  try {
    store = await openStore();
  } catch (problem) {
    const text = "This browser cannot unpack the data of the report. Use a newer browser, or read results.json in the same folder.";
    place.append(h("p", { class: "note", role: "alert" }, text));
    throw problem;
  }

  const byRoute = new Map();
  // A route of two views belongs to the first one.
  for (const each of [...views].reverse()) for (const route of each.routes) byRoute.set(route, each);
  let router = null;
  let shown = null; // the fragment of the view under a sheet
  let sheet = null;
  let turn = 0; // a view that was overtaken by another is not shown

  const cellLink = (server, caseIndex) =>
    fragmentOf("cell", [store.index.servers[server].name, store.index.cases[caseIndex].id]);
  const context = {
    store,
    views,
    toast,
    link: fragmentOf,
    cellLink,
    go: (fragment, options) => router.go(fragment, options),
    /** Change the address of the view that is shown, which has changed itself. `push` makes an entry of the history. */
    setAddress(fragment, { push = false } = {}) {
      router.go(fragment, { replace: !push, quiet: true });
      if (sheet === null) shown = fragment;
    },
    openCell: (server, caseIndex) => router.go(cellLink(server, caseIndex)),
  };
  const search = startSearch(context);
  const refreshOverview = startOverview(context);
  byRoute.set("search", { name: "search", title: "Search", routes: [], render: search.render });

  /** Show the view or the sheet of a fragment. `from` is {back, scroll, focus}. */
  async function show(fragment, from) {
    if (fragment && !fragment.startsWith("#/")) {
      const target = fromOldAnchor(fragment, store.index);
      if (target) {
        history.replaceState(history.state, "", target);
        return show(target, from);
      }
      if (shown === null) await showView("", { ...from, back: true });
      document.getElementById(fragment.slice(1))?.scrollIntoView();
      return undefined;
    }
    const view = byRoute.get(parseFragment(fragment).route);
    if (view?.sheet) {
      if (shown === null) await showView(byRoute.has("conformance") ? "#/conformance" : "#/", { back: true });
      return showSheet(view, fragment);
    }
    const wasOpen = sheet !== null;
    closeSheet();
    return wasOpen && fragment === shown ? restoreTitle() : showView(fragment, from);
  }

  async function showView(fragment, from) {
    const params = parseFragment(fragment);
    const view = byRoute.get(params.route);
    const mine = ++turn;
    const first = shown === null;
    search.follow(params);
    if (params.route) {
      const node = view ? await rendered(view, params) : unknownView(params.route);
      if (mine !== turn) return;
      overview.hidden = true;
      place.replaceChildren(node);
    } else {
      overview.hidden = false;
      place.replaceChildren();
      refreshOverview(params);
    }
    shown = fragment;
    place.dataset.view = params.route;
    restoreTitle();
    markNavigation(params.route ? view?.name : "overview");
    if (from.back) {
      scrollTo(0, from.scroll ?? 0);
      if (from.focus) document.querySelector(from.focus)?.focus({ preventScroll: true });
    } else if (!first && !search.hasFocus() && !from.keep) {
      scrollTo(0, 0);
      focusHeading(params.route ? place : overview);
    }
  }

  async function showSheet(view, fragment) {
    const mine = ++turn;
    const node = await rendered(view, parseFragment(fragment));
    if (mine !== turn) return;
    if (sheet) sheet.replace(node);
    else sheet = openSheet(node, leaveSheet);
    document.title = `${sheet.title() || view.title} · ${root.dataset.title}`;
  }

  function closeSheet() {
    const open = sheet;
    sheet = null;
    open?.close();
  }

  // The reader closed the sheet: the fragment becomes that of the view under it.
  function leaveSheet() {
    if (sheet === null) return;
    sheet = null;
    router.go(shown || "#/", { replace: true, quiet: true });
    restoreTitle();
  }

  async function rendered(view, params) {
    try {
      return await view.render(context, params);
    } catch (problem) {
      console.error(problem);
      return h("section", {}, h("h1", {}, view.title), h("p", { class: "note" }, `This view could not be shown: ${problem.message}`));
    }
  }

  function unknownView(route) {
    return h("section", {}, h("h1", {}, "No such view"),
      h("p", {}, `This report has no view “${route}”. `, h("a", { href: "#/" }, "Go to the overview"), "."));
  }

  function restoreTitle() {
    const heading = place.querySelector("h1");
    document.title = heading ? `${heading.textContent} · ${root.dataset.title}` : root.dataset.title;
  }

  function focusHeading(inside) {
    const heading = inside.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }

  function markNavigation(name) {
    for (const each of document.querySelectorAll("nav a[data-view]")) {
      if (each.dataset.view === name) {
        each.setAttribute("aria-current", "page");
        const strip = each.closest("nav");
        strip.scrollLeft = each.offsetLeft - strip.offsetLeft - (strip.clientWidth - each.offsetWidth) / 2;
      } else each.removeAttribute("aria-current");
    }
  }

  router = startRouter(show);
  await router.ready;
  root.dataset.ready = "yes";
}
