// PEP 3333 annotated: its normative sentences in their order, each with the live results of every server.

import { SIGNS, VERDICTS } from "../data.js";
import { h } from "../dom.js";
import { BROKEN, checkedServers, markClass } from "../marks.js";
import { roving } from "../roving.js";
import { counted } from "../text.js";

/** Servers up to which each has its own sign at each sentence. Of more, those that break it have. */
const MAX_MARKS = 15, MAX_MARKS_ON_PHONE = 4;

const phone = matchMedia("(max-width: 760px)");

const BINDS = {
  app: "binds the app", middleware: "binds middleware", deployer: "binds whoever deploys", permission: "leaves the server free",
  untestable: "cannot be tested",
};

const SHOWN = { "": "all sentences", checked: "sentences with cases", broken: "sentences that a server breaks", unchecked: "sentences without cases" };

export async function render(context, params) {
  const { store } = context;
  const data = await store.block("view/pep3333");
  const servers = checkedServers(store);
  const chosen = store.serverIndex(params.query.get("server") ?? "");
  const shown = servers.includes(chosen) ? [chosen] : servers;
  const is = Object.hasOwn(SHOWN, params.query.get("is") ?? "") ? params.query.get("is") ?? "" : "";
  const sections = data.sections.map((section) => ({
    ...section, sentences: section.sentences.map((sentence) => withResults(store, sentence, shown)).filter((sentence) => isShown(sentence, is)),
  })).filter((section) => section.sentences.length);
  const all = data.sections.flatMap((section) => section.sentences);
  const marks = lazyMarks(context, shown);
  const body = h("div", { class: "pep" }, sections.map((section) => sectionPart(section, marks, !phone.matches || is === "broken")));
  marks.start(body);
  return h("section", { class: "pep3333" },
    h("h1", {}, "PEP 3333, annotated"),
    h("p", {}, "The normative sentences of ", h("a", { href: data.url }, "PEP 3333"), " in their order, each with the result of every server. ",
      `${all.filter((each) => each.checked).length} of ${all.length} sentences have cases. The others bind somebody else, or leave the server free.`),
    filter(context, is, servers, chosen),
    h("p", { class: "muted", role: "status" }, counted(sections.reduce((sum, each) => sum + each.sentences.length, 0), "sentence")),
    body);
}

function filter(context, is, servers, chosen) {
  const { store } = context;
  const name = chosen >= 0 ? store.index.servers[chosen].name : "";
  const go = (change) => context.go(context.link("pep3333", [], { is, server: name, ...change }), { keep: true });
  return h("div", { class: "tools filter", role: "group", aria: { label: "Filter" } },
    h("label", {}, "Show ", h("select", { id: "pep-is", on: { change: (event) => go({ is: event.target.value }) } },
      Object.entries(SHOWN).map(([value, text]) => h("option", { value, selected: value === is }, text)))),
    h("label", {}, "Server ", h("select", { id: "pep-server", on: { change: (event) => go({ server: event.target.value }) } },
      h("option", { value: "" }, "all"), servers.map((each) => h("option", { value: store.index.servers[each].name, selected: each === chosen }, store.index.servers[each].name)))));
}

/** Return the sentence with `places` of its cases and `results`: {server, letter, place, n, m} of each server. */
function withResults(store, sentence, servers) {
  const places = sentence.cases.map((each) => store.caseIndex(each)).filter((each) => each >= 0);
  const results = servers.map((server) => {
    const letters = places.map((place) => store.verdict(server, place));
    const letter = [...store.index.decisive].find((each) => letters.includes(each)) ?? "-";
    return { server, letter, place: places[letters.indexOf(letter)], n: letters.filter((each) => each === letter).length, m: letters.filter((each) => each !== "-").length };
  }).filter((each) => each.letter !== "-");
  return { ...sentence, places, results };
}

function isShown(sentence, is) {
  if (is === "broken") return sentence.results.some((each) => BROKEN.includes(each.letter));
  if (is === "checked") return sentence.checked;
  return is !== "unchecked" || !sentence.checked;
}

// On a telephone the sections are closed, with their numbers: open, they are dozens of screens.
function sectionPart(section, marks, open) {
  const broken = section.sentences.filter((each) => sentenceClass(each) === "broken").length;
  return h("details", { open },
    h("summary", {}, h("h2", {}, section.title), " ",
      h("span", { class: "muted" }, counted(section.sentences.length, "sentence"), broken > 0 && `, ${broken} broken by a server`)),
    h("p", {}, h("a", { href: section.url, aria: { label: `${section.title} in PEP 3333` } }, "This section in PEP 3333")),
    h("ol", {}, section.sentences.map((sentence) => {
      const item = h("li", { class: sentenceClass(sentence) }, h("p", { class: "quote" }, sentence.quote));
      if (sentence.results.length) marks.add(item, sentence);
      else item.append(h("p", { class: "muted" }, sentence.checked ? "No case of this sentence ran." : `${BINDS[sentence.binds] ?? sentence.binds}: ${sentence.reason}`));
      return item;
    })));
}

function sentenceClass({ results }) {
  if (results.some((each) => BROKEN.includes(each.letter))) return "broken";
  return results.some((each) => each.letter === "p") ? "kept" : "";
}

// The signs of a sentence are made when it comes near the window, and removed when it is far away: there are thousands.
function lazyMarks(context, servers) {
  const sentences = new Map();
  let refresh = () => {};
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target.replaceChildren(...markList(context, sentences.get(target), servers));
      else if (target.childElementCount && !target.contains(document.activeElement)) {
        target.style.minHeight = `${target.offsetHeight}px`;
        target.replaceChildren();
      }
    }
    refresh();
  }, { rootMargin: "600px 0px" });
  return {
    add(item, sentence) {
      const place = h("p", { class: "marks" });
      sentences.set(place, sentence);
      item.append(place);
      observer.observe(place);
    },
    start(body) {
      refresh = roving(body, ".marks a");
    },
  };
}

function markList(context, sentence, servers) {
  const { store } = context;
  const shown = servers.length > (phone.matches ? MAX_MARKS_ON_PHONE : MAX_MARKS) ? sentence.results.filter((each) => BROKEN.includes(each.letter)) : sentence.results;
  const counts = {};
  for (const { letter } of sentence.results) counts[letter] = (counts[letter] ?? 0) + 1;
  const said = [...store.index.decisive].filter((letter) => counts[letter]).map((letter) => `${counts[letter]} ${VERDICTS[letter]}`).join(", ");
  return [
    h("span", { class: "muted said" }, said, sentence.places.length > 1 ? ` (${sentence.places.length} cases)` : "", " "),
    ...shown.map(({ server, letter, place, n, m }) => {
      const { name } = store.index.servers[server];
      const label = `${name}: ${VERDICTS[letter]}${m > 1 ? `, ${n} of ${m} cases` : ""}`;
      return h("a", { class: markClass(letter), href: context.cellLink(server, place), title: label, aria: { label } }, `${SIGNS[letter]} ${name}`);
    }),
  ];
}
