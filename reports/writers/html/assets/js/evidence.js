// The evidence of a cell: a time line of connection events, a table of app events, the log and the process events.

import { copyText, saveFile } from "./copy.js";
import { digestRows, showDigest } from "./digest.js";
import { h } from "./dom.js";
import { withEscapes } from "./marks.js";
import { bytesOf, clean, counted, escapedBytes, hexDump, oneLine, pythonLiteral } from "./text.js";

/** The forms of bytes, with what each shows. */
export const FORMS = {
  text: "ASCII, with escapes for other bytes",
  hex: "a hex dump with offsets",
  raw: "a literal of Python, and the bytes to save",
};

/** Bytes of an event with less text are shown whole. */
const MAX_UNSCROLLED = { characters: 1500, lines: 24 };

const ARROWS = { sent: "→", half_closed: "→", closed: "→", received: "←", eof: "←", reset: "←" };
const SIDES = { "→": "sent", "←": "received" };
const LABELS = {
  opened: "connected", sent: "sent", received: "received", eof: "end (FIN)", reset: "reset (RST)",
  half_closed: "half-closed", closed: "closed", waited: "waited", note: "note",
};

/** Return the rows of a time line: {at (ms), side, arrow, label, connection, bytes, note, cut} and {at, app}. */
export function timeline(evidence) {
  const wire = evidence.wire ?? [], app = evidence.app ?? [];
  const start = Math.min(...[...wire, ...app].map((each) => each.at));
  const several = new Set(wire.map((each) => each.connection)).size > 1;
  const rows = wire.map((each) => {
    const arrow = ARROWS[each.kind] ?? "·";
    return {
      at: (each.at - start) * 1000, order: 0, arrow, side: SIDES[arrow] ?? "neutral", label: LABELS[each.kind] ?? clean(each.kind),
      connection: several ? each.connection : 0, bytes: each.data ? bytesOf(each.data) : null, note: each.note || "", cut: each.cut || 0,
    };
  });
  rows.push(...app.map((each, number) => ({
    at: (each.at - start) * 1000, order: 1, arrow: "app", side: "app", label: oneLine(each.kind, 60), event: each, number, connection: 0,
    bytes: null, note: "", cut: 0,
  })));
  return rows.sort((a, b) => a.at - b.at || a.order - b.order);
}

/** Return the evidence as text, for an issue. It has at most `limit` characters. */
export function transcript(evidence, limit) {
  const lines = (evidence.process ?? []).map((each) => oneLine(each, 500));
  if (evidence.digest) lines.push(...digestRows(evidence.digest).map(([name, text]) => `${name}: ${text}`));
  for (const row of timeline(evidence)) {
    const where = row.connection ? ` #${row.connection}` : "";
    lines.push(`${row.at.toFixed(1).padStart(9)} ${row.arrow}${where} ${rowLabel(row)}`);
    if (row.bytes) for (const each of escapedBytes(row.bytes).split("\n")) lines.push(`${" ".repeat(12)}${each}`);
    if (row.event) lines.push(`${" ".repeat(12)}${oneLine(JSON.stringify(partsRead(row.event)[0]), 300)}`);
  }
  const text = lines.join("\n");
  return text.length <= limit ? text : `${text.slice(0, limit)}\n… ${(text.length - limit).toLocaleString("en")} characters left out; the report has them`;
}

function rowLabel(row) {
  const size = row.bytes ? ` ${(row.bytes.length + row.cut).toLocaleString("en")} B` : "";
  const note = row.note ? ` (${oneLine(row.note, 500)})` : "";
  const pid = row.event ? ` (pid ${row.event.pid})` : "";
  return `${row.label}${size}${note}${pid}`;
}

/** Return the detail of an app event in two parts: what the case read, and the rest. */
export function partsRead(event) {
  const detail = event.detail ?? {};
  const { read } = event;
  if (Array.isArray(read)) {
    const names = new Set(read);
    const entries = Object.entries(detail);
    return [Object.fromEntries(entries.filter(([name]) => names.has(name))), Object.fromEntries(entries.filter(([name]) => !names.has(name)))];
  }
  return read === false ? [{}, detail] : [detail, {}];
}

/** Return the parts of the sheet about the evidence. The command `replay` shows the case again; others as in `showTimeline`. */
export function showEvidence(evidence, { replay, ...options }) {
  const parts = evidence.digest ? showDigest(evidence.digest, replay) : showTimeline(evidence, options);
  if (evidence.process?.length) {
    parts.push(h("h3", {}, "Process events"), h("ul", { class: "process" }, evidence.process.map((each) => h("li", {}, clean(each)))));
  }
  if (evidence.log) {
    const log = clean(evidence.log).replace(/^\n+|\n+$/g, "");
    parts.push(h("h3", {}, "Server log"), scrolled("log", withEscapes(log), "Server log"));
  }
  return parts;
}

/** `form` is one of FORMS, `changed` is called with a new one. Files have the name `name`. */
function showTimeline(evidence, { form, changed, name }) {
  const rows = timeline(evidence);
  const list = h("ol", { class: "time" });
  const fill = (shown) => list.replaceChildren(...rows.map((row) => timeRow(row, shown, name)));
  fill(form);
  const parts = [
    h("div", { class: "time-head" }, h("h3", {}, "Time line"), rows.some((row) => row.bytes) && formSwitch(form, (shown) => {
      fill(shown);
      changed(shown);
    })),
    rows.length ? list : h("p", { class: "muted" }, "Nothing was sent or received."),
  ];
  if (evidence.app?.length) parts.push(appTable(rows.filter((row) => row.event)));
  return parts;
}

function formSwitch(form, changed) {
  return h("fieldset", { class: "forms" }, h("legend", { class: "off-screen" }, "Form of bytes"),
    Object.entries(FORMS).map(([value, title]) => {
      const radio = h("input", { type: "radio", name: "form", value, checked: value === form, on: { change: () => changed(value) } });
      return h("label", { title }, radio, h("span", {}, value));
    }));
}

function timeRow(row, form, name) {
  const item = h("li", { class: row.side, data: row.event ? { app: row.number } : {} },
    h("time", {}, row.at.toFixed(1)),
    h("b", { class: "arrow" }, row.arrow),
    h("span", { class: "what" }, row.connection ? `#${row.connection} ` : "", rowLabel(row)));
  if (row.event) {
    const [read] = partsRead(row.event);
    const words = Object.entries(read).map(([key, value]) => `${oneLine(key, 60)}=${oneLine(JSON.stringify(value), 120)}`).join(" ");
    if (words) item.append(h("code", { class: "brief" }, withEscapes(words.length > 300 ? `${words.slice(0, 300)}…` : words)));
  }
  if (row.bytes) item.append(bytesShown(row.bytes, form, name));
  if (row.cut) {
    const whole = (row.bytes?.length ?? 0) + row.cut;
    item.append(h("p", { class: "cut" }, `${counted(row.cut, "byte")} of ${whole.toLocaleString("en")} left out here. run.jsonl.zst in the run folder has them.`));
  }
  return item;
}

function bytesShown(bytes, form, name) {
  if (form === "hex") return scrolled("hex", hexDump(bytes), `Hex dump of ${counted(bytes.length, "byte")}`);
  if (form === "text") {
    const text = escapedBytes(bytes);
    return isLong(text) ? scrolled("long", withEscapes(text), counted(bytes.length, "byte")) : h("pre", {}, withEscapes(text));
  }
  const literal = pythonLiteral(bytes);
  return h("div", { class: "raw" },
    isLong(literal) ? scrolled("long", withEscapes(literal), counted(bytes.length, "byte")) : h("pre", {}, withEscapes(literal)),
    h("button", { type: "button", on: { click: () => copyText(literal, "the bytes as a literal of Python") } }, "Copy literal"),
    h("button", { type: "button", on: { click: () => saveFile(`${name}.bin`, "application/octet-stream", new Blob([bytes], { type: "application/octet-stream" })) } },
      `Save ${counted(bytes.length, "byte")}`));
}

// What scrolls must be reached by the Tab key.
function scrolled(name, content, label) {
  return h("pre", { class: name, tabindex: "0", role: "group", aria: { label } }, content);
}

function isLong(text) {
  return text.length > MAX_UNSCROLLED.characters || text.split("\n").length > MAX_UNSCROLLED.lines;
}

function appTable(rows) {
  const body = rows.map((row) => {
    const [read, rest] = partsRead(row.event);
    const fields = Object.entries(read);
    const folded = Object.entries(rest);
    return h("tr", {},
      h("td", { class: "n" }, row.at.toFixed(1)),
      h("th", { scope: "row" }, row.label),
      h("td", { class: "n" }, row.event.pid),
      h("td", {}, fields.length > 0 && fieldList(fields),
        folded.length > 0 && h("details", {}, h("summary", {}, `${counted(folded.length, "field")} that the case did not look at`), fieldList(folded))));
  });
  return [
    h("h3", {}, "App events"),
    h("div", { class: "box", tabindex: "0", role: "region", aria: { label: "App events" } },
      h("table", { class: "data app-events" },
        h("thead", {}, h("tr", {}, ["ms", "event", "pid", "fields"].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, body))),
  ];
}

function fieldList(fields) {
  return h("dl", { class: "fields" }, fields.map(([name, value]) =>
    h("div", {}, h("dt", {}, oneLine(name, 100)), h("dd", {}, withEscapes(clean(asciiJson(value)))))));
}

// ASCII only: no character of the app's data can reorder or hide text.
function asciiJson(value) {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
