// A cell as Markdown for an issue. Everything from a server is inside of code, which no server bytes can end.

import { VERDICTS } from "./data.js";
import { transcript } from "./evidence.js";
import { codeBlock, codeSpan } from "./text.js";

/** Characters of the time line in an issue. An issue of GitHub has at most 65,536 characters. */
const MAX_TRANSCRIPT = 24_000;
const MAX_TEXT = 4000;

const VERBS = { f: "fails", w: "does not follow", k: "sometimes fails" };

/** Return the issue. `cell` is {server, id, letter, expected, got, replay, run}, `requirement` that of the index. */
export function issueText(cell, requirement, evidence) {
  const { server } = cell;
  const about = [
    `${server.title} ${server.version}`.trim(), server.variant, server.python && `Python ${server.python}`,
    ...cell.run.map(([name, value]) => (name === "program" ? value : `${name} ${value}`)),
  ].filter(Boolean);
  const source = [requirement.document, requirement.section].filter(Boolean).join(", ");
  const parts = [
    `### ${codeSpan(server.name)} ${VERBS[cell.letter] ?? `is ${VERDICTS[cell.letter]} in`} ${codeSpan(cell.id)}`,
    about.map((each) => codeSpan(each)).join(" · "),
    `Requirement (${requirement.level})${source ? `, ${codeSpan(source)}` : ""}${safeAddress(requirement.url) ? `: <${requirement.url}>` : ":"}`,
    requirement.quote && codeBlock(requirement.quote),
    cell.expected && `Expected:\n\n${codeBlock(shorten(cell.expected))}`,
    cell.got && `Got:\n\n${codeBlock(shorten(cell.got))}`,
    requirement.why && `Why it matters:\n\n${codeBlock(requirement.why)}`,
    evidence && `Sent, received, and seen by the app (times in ms):\n\n${codeBlock(transcript(evidence, MAX_TRANSCRIPT))}`,
    `Reproduce it:\n\n${codeBlock(`$ ${cell.replay}`, "console")}`,
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function safeAddress(url) {
  return /^https:\/\/[\w./#?=%~:&-]+$/.test(url || "");
}

function shorten(text) {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}\n… ${text.length - MAX_TEXT} characters left out`;
}
