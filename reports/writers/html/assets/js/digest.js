// The digest of a pass, which is kept in place of its evidence.

import { h } from "./dom.js";
import { counted, oneLine } from "./text.js";

/** Return the names and values of a digest as texts: a row each. */
export function digestRows({ connections = 0, sent = 0, received = 0, status_lines = {}, calls = 0, app_events = 0, unrecorded = 0, sha256 }) {
  const lines = Object.entries(status_lines).map(([each, count]) => (count > 1 ? `${oneLine(each, 80)} (${count} times)` : oneLine(each, 80)));
  return [
    ["Connections", connections.toLocaleString("en")],
    ["Sent", counted(sent, "byte")],
    ["Received", counted(received, "byte")],
    ["Status lines", lines.join(", ") || "none"],
    ["App", `${counted(calls, "call")}, ${counted(app_events, "app event")}`],
    ["SHA-256", `${oneLine(sha256, 64)} of ${unrecorded ? `these bytes without ${counted(unrecorded, "byte")} that had no room` : "these bytes"}, in their order`],
  ];
}

/** Return the parts of the sheet about a digest. The command `replay` shows the case again. */
export function showDigest(digest, replay) {
  return [
    h("h3", {}, "Digest of the evidence"),
    h("dl", { class: "facts digest" }, digestRows(digest).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    h("p", {}, "The bytes of this pass were not kept. This command runs the case again and shows them:"),
    h("pre", { class: "command" }, replay),
    h("p", { class: "muted" }, "A run with --keep-evidence all keeps the evidence of every pass."),
  ];
}
