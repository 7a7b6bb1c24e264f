// The first screen: sort the scoreboard, copy it, and the buttons of what changed.

import { copyText, saveFile } from "./copy.js";
import { h } from "./dom.js";
import { exportTable, pictureOf, toPng } from "./export.js";
import { gridOfTable } from "./grid.js";

const SORTS = [["served", "users served"], ["security", "security"], ["requirements", "requirements"], ["name", "name"]];

/** Start the first screen. Returns a function that follows the fragment of the overview. */
export function startOverview(context) {
  const table = document.getElementById("scoreboard");
  startChanges(context);
  if (!table) return () => {};
  gridOfTable(table);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const data = context.store.block("scoreboard");
  // A column without data is not there.
  const sorts = SORTS.filter(([id]) => id === "name" || table.querySelector(`th[data-sort=${id}]`));
  const first = sorts[0][0];
  const buttons = sorts.map(([id, label]) => {
    const button = h("button", { type: "button", data: { sort: id } }, label);
    button.addEventListener("click", () => context.go(id === first ? "#/" : context.link("", [], { sort: id }), { keep: true, replace: true }));
    return button;
  });
  const tools = document.getElementById("score-tools");
  tools.append(
    h("span", { class: "muted", id: "sort-label" }, "Sort"),
    h("span", { role: "group", "aria-labelledby": "sort-label", class: "group" }, buttons),
    h("span", { class: "space" }),
    tool("Copy as Markdown", async () => copyText((await exported()).markdown, "the scoreboard")),
    tool("CSV", async () => saveFile("scoreboard.csv", "text/csv", (await exported()).csv)),
    tool("PNG", async () => saveFile("scoreboard.png", "image/png", await toPng(pictureOf(table)))),
    tool("Link to this view", () => copyText(location.href, "the link")),
  );
  tools.hidden = false;

  function tool(label, action) {
    return h("button", { type: "button", on: { click: () => Promise.resolve(action()).catch((problem) => context.toast(`That did not work: ${problem.message}`)) } }, label);
  }

  async function exported() {
    const { heads, rows: values } = await data;
    return exportTable(heads, [...body.rows].map((row) => values[Number(row.dataset.place)]));
  }

  let sorted = null;
  return async (params) => {
    const wanted = params.query.get("sort");
    const by = sorts.some(([id]) => id === wanted) ? wanted : first;
    if (by === sorted) return;
    const { sort } = await data;
    const name = (row) => row.querySelector("th a").textContent;
    const value = (row) => sort[Number(row.dataset.place)][by];
    const order = [...rows].sort((a, b) =>
      by === "name" ? (name(a) < name(b) ? -1 : 1) : value(a) - value(b) || Number(a.dataset.place) - Number(b.dataset.place));
    if (sorted !== null || by !== first) body.append(...order);
    sorted = by;
    for (const [place, button] of buttons.entries()) {
      const chosen = button.dataset.sort === by;
      button.setAttribute("aria-pressed", chosen);
      button.textContent = sorts[place][1] + (chosen ? " ▾" : "");
    }
    for (const head of table.querySelectorAll("thead th")) {
      const id = head.cellIndex === 0 ? "name" : head.dataset.sort;
      if (id === by) head.setAttribute("aria-sort", by === "served" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  };
}

// The buttons of each new failure: replay, issue, link.
function startChanges(context) {
  for (const change of document.querySelectorAll(".change")) {
    const { server, case: id } = change.dataset;
    const replay = change.querySelector(".replay").textContent;
    const link = change.querySelector("h3 a").href;
    const values = [...change.querySelectorAll("dd")].map((each) => each.textContent);
    const button = (label, text, what) =>
      h("button", { type: "button", "aria-label": `${label}: ${id}, ${server}`, on: { click: () => copyText(text(), what) } }, label);
    change.append(h("p", { class: "tools" },
      button("Copy replay", () => replay, "the command"),
      button("Copy as issue", () => issueText(context, server, id, values, replay), "the issue"),
      button("Copy link", () => link, "the link")));
  }
}

function issueText({ store }, server, id, [expected, got], replay) {
  const { markdown } = exportTable(["", ""], [["server", server], ["case", id], ["expected", expected], ["got", got]]);
  const place = store.caseIndex(id);
  const requirement = place >= 0 ? store.requirement(store.index.cases[place].r) : null;
  const source = requirement ? `${requirement.document} ${requirement.section}: “${requirement.quote}”` : "";
  return `${markdown}\n${source ? `${source}\n\n` : ""}Replay:\n\n    ${replay}\n`;
}
