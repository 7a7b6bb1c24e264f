// How it was measured: the machine, the program, the call and the servers.

import { h, scrollBox } from "../dom.js";

export async function render({ store }) {
  const { environment, servers } = await store.block("view/method");
  return h("section", {},
    h("h1", {}, "How it was measured"),
    h("h2", {}, "Machine, program and call"),
    h("dl", { class: "pairs" }, environment.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value || "none")])),
    h("h2", {}, "Servers as they were started"),
    scrollBox("Servers as they were started", h("table", { class: "stack" },
      h("thead", {}, h("tr", {}, ["Server", "Version", "Python", "Command"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, servers.map(([name, version, python, command]) => h("tr", {},
        h("th", { scope: "row" }, name), h("td", {}, version), h("td", {}, python), h("td", {}, h("code", {}, command))))))));
}
