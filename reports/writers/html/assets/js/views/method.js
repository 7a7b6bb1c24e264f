// How it was measured: the machine, the program, the call, the servers, and the user's configuration of them.

import { dataTable } from "../chart.js";
import { h, scrollBox } from "../dom.js";

const FIGURES = [
  ["Goodput", "The share of scheduled requests with a correct response in time."],
  ["Response time", "It counts from the time at which the request was to be sent. ≥ marks a lower bound: the client stopped waiting then."],
  ["Slowdown", "p99 with slow clients divided by p99 without them."],
  ["N*", "The smallest number of slow clients that makes the server collapse."],
];

export async function render({ store }) {
  const { environment, servers, configurations } = await store.block("view/method");
  return h("section", {},
    h("h1", {}, "How it was measured"),
    h("h2", {}, "Machine, program and call"),
    h("dl", { class: "pairs" }, environment.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value || "none")])),
    h("h2", {}, "Servers as they were started"),
    scrollBox("Servers as they were started", h("table", { class: "stack" },
      h("thead", {}, h("tr", {}, ["Server", "Version", "Python", "Command"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, servers.map(([name, version, python, command]) => h("tr", {},
        h("th", { scope: "row" }, name), h("td", {}, version), h("td", {}, python), h("td", {}, h("code", {}, command))))))),
    configurations.map(configuration),
    h("h2", {}, "Figures of load"),
    h("dl", { class: "pairs" }, FIGURES.map(([name, meaning]) => [h("dt", {}, name), h("dd", {}, meaning)])),
    h("p", {}, "results.json in the folder of this report has all figures for programs. The journal of the run, run.jsonl.zst, has the uncut evidence, and of most passes a digest."));
}

function configuration({ server, files, overrides }) {
  const title = `Your configuration of ${server}`;
  const replaced = overrides.length === 1 ? "1 setting" : `${overrides.length} settings`;
  return [
    h("h2", {}, title),
    h("p", {}, files.map((each) => [h("code", {}, each), " "]), `The harness replaced ${replaced}; all others are yours.`),
    overrides.length > 0 && dataTable(["setting", "in the file", "in this run"], overrides, title),
  ];
}
