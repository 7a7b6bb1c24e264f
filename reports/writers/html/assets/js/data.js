// The data of the page: blocks of deflated JSON, unpacked when they are asked for.

import { readEvidence } from "./stored_evidence.js";

/** The names of the letters of verdicts. */
export const VERDICTS = {
  p: "pass", f: "fail", w: "warn", i: "info", u: "unsupported", s: "skipped", k: "flaky", e: "error",
};

/** The signs of verdicts by letter: clear without colour. */
export const SIGNS = { p: "✓", f: "✗", w: "!", i: "i", u: "–", s: "»", k: "~", e: "E" };

/** Unpacked blocks of evidence that stay in memory: the last ones that were asked for. */
const MAX_EVIDENCE_BLOCKS = 8;

/** Return the JSON of a block. */
async function unpack(element) {
  const packed = atob(element.textContent.trim());
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place++) bytes[place] = packed.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

/** Return the store of the page. It reads the block "index" at once, and others when they are asked for. */
export async function openStore() {
  const elements = new Map();
  for (const each of document.querySelectorAll("script[data-block]")) elements.set(each.dataset.block, each);
  const blocks = new Map();
  const block = (name) => {
    const found = remembered(name);
    if (!name.startsWith("evidence/")) return found;
    blocks.delete(name);
    blocks.set(name, found); // the latest comes last
    const evidence = [...blocks.keys()].filter((each) => each.startsWith("evidence/"));
    for (const each of evidence.slice(0, -MAX_EVIDENCE_BLOCKS)) blocks.delete(each);
    return found;
  };
  const remembered = (name) => {
    if (!blocks.has(name)) {
      const element = elements.get(name);
      blocks.set(name, element ? unpack(element) : Promise.resolve(null));
    }
    return blocks.get(name);
  };
  return makeStore(await block("index"), block, (name) => elements.has(name));
}

function fold(letters, places, order) {
  const counts = {};
  let m = 0;
  for (const place of places) {
    const letter = letters[place] || "-";
    if (letter === "-") continue;
    counts[letter] = (counts[letter] || 0) + 1;
    m += 1;
  }
  for (const letter of order) if (counts[letter]) return { verdict: letter, counts, n: counts[letter], m };
  return { verdict: "-", counts, n: 0, m: 0 };
}

/** Return a store over an index. `block` returns the promise of a block, `has` says whether it exists. */
export function makeStore(index, block, has) {
  const serverPlaces = new Map(index.servers.map((each, place) => [each.name, place]));
  const casePlaces = new Map(index.cases.map((each, place) => [each.id, place]));
  const verdicts = index.servers.map((each) => index.verdicts[each.name] || "");
  const folded = index.servers.map(() => []);
  const byServer = (values, server) => (values && values[index.servers[server].name]) || {};
  const store = {
    index,
    block,
    has,
    serverIndex: (name) => serverPlaces.get(name) ?? -1,
    caseIndex: (id) => casePlaces.get(id) ?? -1,
    requirement: (r) => index.requirements[r],
    verdict: (server, place) => verdicts[server][place] || "-",
    actual: (server, place) => byServer(index.actual, server)[place] || "",
    attempts: (server, place) => byServer(index.attempts, server)[place],
    baseline: (server, place) => byServer(index.baseline, server)[place],
    findings: (server, place) => (byServer(index.findings, server)[place] || []).map((each) => index.finding_lines[each]),
    /** Return the verdict that decides for the variants, their counts, `n` with that verdict of `m` that were asked. */
    requirementVerdict: (server, r) => (folded[server][r] ??= fold(verdicts[server], index.requirements[r].cases, index.decisive)),
    /** Return the evidence of a cell, or null if it was left out. */
    evidence: (server, place) => readEvidence(store, server, place),
  };
  return store;
}
