// The grades of cells of load, clear without colour.

import { h } from "./dom.js";

/** Return the mark of a grade: its sign, and a text. `grades` maps a grade to [sign, label, meaning]. */
export function gradeMark(grades, grade, text) {
  const [sign, label] = grades[grade] ?? ["?", grade];
  return h("span", { class: `grade g-${grade}` }, h("span", { class: "sign", aria: { hidden: "true" } }, sign), " ", text ?? label);
}

/** Return the meanings of grades. */
export function gradeLegend(grades) {
  return h("p", { class: "legend" }, Object.entries(grades).map(([grade, [, label, meaning]], place) =>
    [place ? " · " : "", h("span", {}, gradeMark(grades, grade, label), ` ${meaning}`)]));
}
