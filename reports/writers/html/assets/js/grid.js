// Grids: tables that are one stop of the Tab key. Arrow keys move inside.

import { h } from "./dom.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const PAGE = 10;
const OVERSCAN = 4; // rows above and below the visible ones

/** Return the place {row, column} after a key, or null. `control` says whether Ctrl is held. */
export function moveInGrid(key, control, at, rows, columns, page = PAGE) {
  const to = { ...at };
  if (MOVES[key]) {
    to.row += MOVES[key][0];
    to.column += MOVES[key][1];
  } else if (key === "Home") {
    to.column = 0;
    if (control) to.row = 0;
  } else if (key === "End") {
    to.column = columns - 1;
    if (control) to.row = rows - 1;
  } else if (key === "PageUp") to.row -= page;
  else if (key === "PageDown") to.row += page;
  else return null;
  to.row = Math.max(0, Math.min(rows - 1, to.row));
  to.column = Math.max(0, Math.min(columns - 1, to.column));
  return to;
}

/**
 * Make a table that is in the page one stop of the Tab key.
 *
 * The cell with the focus shows it itself, unless it has one link or button: then that has it. Enter follows the link.
 */
export function gridOfTable(table) {
  table.setAttribute("role", "grid");
  for (const each of table.querySelectorAll("thead, tbody")) each.setAttribute("role", "rowgroup");
  for (const each of table.querySelectorAll("tr")) each.setAttribute("role", "row");
  for (const each of table.querySelectorAll("thead th")) each.setAttribute("role", "columnheader");
  for (const each of table.querySelectorAll("tbody th")) each.setAttribute("role", "rowheader");
  for (const each of table.querySelectorAll("tbody td")) each.setAttribute("role", "gridcell");
  const rows = () => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const target = (cell) => cell.querySelector("a, button") || cell;
  let current = null;
  const choose = (cell, focus) => {
    if (current) target(current).tabIndex = -1;
    current = cell;
    target(cell).tabIndex = 0;
    if (focus) {
      target(cell).focus();
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };
  for (const row of rows()) for (const cell of row.cells) target(cell).tabIndex = -1;
  if (rows().length) choose(rows()[0].cells[0], false);
  table.addEventListener("focusin", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (cell) choose(cell, false);
  });
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (!cell || event.altKey || event.metaKey) return;
    const list = rows();
    const at = { row: list.indexOf(cell.parentElement), column: cell.cellIndex };
    const to = moveInGrid(event.key, event.ctrlKey, at, list.length, cell.parentElement.cells.length);
    if (!to) return;
    event.preventDefault();
    choose(list[to.row].cells[to.column], true);
  });
}

/**
 * Return a grid that renders only the rows in view.
 *
 * `label` names the grid. `heads` are nodes or texts of the column headers, `widths` their widths: CSS lengths, or
 * `minmax(LENGTH, ...)`.
 * `rowCount` and `rowHeight` (pixels) give its height. `cells(row)` returns a node or a text for each column: {content,
 * class, label, header}. `open(row, column, event)` is called for Enter and for a click on a cell. `height` is the
 * largest height as a CSS length. The node has the methods `refresh({rowCount})`, for other rows, and
 * `moveTo(row, column)`.
 */
export function virtualGrid({ label, heads, widths, rowCount, rowHeight, cells, open, height = "75vh", className = "" }) {
  const columns = heads.length;
  let count = rowCount;
  let at = { row: 0, column: 0 };
  const rendered = new Map();
  const template = widths.join(" ");
  // All rows have the same width, so that their columns stand below each other: the smallest widths together.
  const smallest = widths.map((each) => /^minmax\(([^,]+),/.exec(each)?.[1] ?? each);
  const styled = (element, values) => {
    Object.assign(element.style, values);
    return element;
  };
  const head = styled(h("div", { role: "row", class: "grid-head", "aria-rowindex": 1 },
    heads.map((each, column) => h("div", { role: "columnheader", "aria-colindex": column + 1 }, each))), { gridTemplateColumns: template });
  const body = h("div", { role: "rowgroup", class: "grid-body" });
  const grid = styled(h("div", { role: "grid", class: `grid ${className}`, "aria-label": label, "aria-colcount": columns },
    h("div", { role: "rowgroup", class: "grid-heads" }, head), body), { maxHeight: height });
  grid.style.setProperty("--grid-width", `calc(${smallest.join(" + ")})`);

  const makeRow = (row) => {
    const made = cells(row).map((each, column) => {
      const cell = each instanceof Node || typeof each !== "object" || each === null ? { content: each } : each;
      return h("div", {
        role: cell.header ? "rowheader" : "gridcell", class: cell.class, "aria-colindex": column + 1, "aria-label": cell.label,
        title: cell.title, tabindex: row === at.row && column === at.column ? 0 : -1, data: { column },
      }, cell.content);
    });
    for (const each of made) for (const link of each.querySelectorAll("a, button")) link.tabIndex = -1;
    return styled(h("div", { role: "row", class: "grid-row", "aria-rowindex": row + 2, data: { row } }, made), {
      gridTemplateColumns: template, top: `${row * rowHeight}px`, height: `${rowHeight}px`,
    });
  };

  // The rows in view, and the one with the focus: it must not leave the page under the reader's fingers.
  const render = () => {
    const visible = grid.clientHeight || innerHeight;
    const first = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - OVERSCAN);
    const last = Math.min(count - 1, Math.ceil((grid.scrollTop + visible) / rowHeight) + OVERSCAN);
    const wanted = new Set(count ? [at.row] : []);
    for (let row = first; row <= last; row++) wanted.add(row);
    for (const [row, element] of rendered) {
      if (!wanted.has(row)) {
        element.remove();
        rendered.delete(row);
      }
    }
    for (const row of [...wanted].sort((a, b) => a - b)) {
      if (rendered.has(row)) continue;
      const element = makeRow(row);
      const after = [...rendered.keys()].filter((each) => each < row);
      rendered.set(row, element);
      // The order of elements is the order of rows, for screen readers.
      const before = after.length ? rendered.get(Math.max(...after)).nextSibling : body.firstChild;
      body.insertBefore(element, before);
    }
  };
  const cellAt = (row, column) => rendered.get(row)?.children[column];
  const choose = (row, column, focus) => {
    const before = cellAt(at.row, at.column);
    if (before) before.tabIndex = -1;
    at = { row, column };
    const top = row * rowHeight;
    if (focus) {
      const room = grid.clientHeight - head.offsetHeight;
      if (top < grid.scrollTop) grid.scrollTop = top;
      else if (top + rowHeight > grid.scrollTop + room) grid.scrollTop = top + rowHeight - room;
    }
    render();
    const cell = cellAt(row, column);
    if (!cell) return;
    cell.tabIndex = 0;
    if (focus) {
      cell.focus({ preventScroll: true });
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };
  const placeOf = (event) => {
    const cell = event.target.closest("[data-column]");
    return cell && body.contains(cell) ? { row: Number(cell.parentElement.dataset.row), column: Number(cell.dataset.column) } : null;
  };

  grid.addEventListener("scroll", render, { passive: true });
  body.addEventListener("focusin", (event) => {
    const place = placeOf(event);
    if (place && (place.row !== at.row || place.column !== at.column)) choose(place.row, place.column, false);
  });
  body.addEventListener("keydown", (event) => {
    const place = placeOf(event);
    if (!place || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open?.(place.row, place.column, event);
      return;
    }
    const page = Math.max(1, Math.floor((grid.clientHeight - head.offsetHeight) / rowHeight) - 1);
    const to = moveInGrid(event.key, event.ctrlKey, place, count, columns, page);
    if (!to) return;
    event.preventDefault();
    choose(to.row, to.column, true);
  });
  body.addEventListener("click", (event) => {
    const place = placeOf(event);
    if (place && !event.target.closest("a, button")) open?.(place.row, place.column, event);
  });

  grid.refresh = ({ rowCount: next = count } = {}) => {
    count = next;
    at = { row: Math.max(0, Math.min(at.row, count - 1)), column: at.column };
    grid.setAttribute("aria-rowcount", count + 1);
    body.style.height = `${count * rowHeight}px`;
    for (const element of rendered.values()) element.remove();
    rendered.clear();
    render();
  };
  grid.moveTo = (row, column) => choose(row, column, true);
  grid.refresh();
  // The height is known when the grid is in the page.
  new ResizeObserver(render).observe(grid);
  return grid;
}
