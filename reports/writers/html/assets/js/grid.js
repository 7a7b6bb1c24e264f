// Grids: tables that are one stop of the Tab key. Arrow keys move inside.

import { h } from "./dom.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const PAGE = 10;
const OVERSCAN = 2; // rows above and below the visible ones
const COLUMN_OVERSCAN = 2; // columns before and after the visible ones

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
 * Return a grid that renders only the rows and columns in view. The first column is always there.
 *
 * `label` names the grid. `heads` are nodes or texts of the column headers, `widths` their widths: CSS lengths, or
 * `minmax(LENGTH, ...)`.
 * `rowCount` and `rowHeight` (pixels) give its height. `cells(row)` returns for each column a node, a text or {content,
 * class, label, title, header}, or a function that returns one of these: it is called when the column comes into view.
 * `open(row, column, event)` is called for Enter and for a click on a cell. `height` is the
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

  const makeCell = (row, column, value) => {
    const each = typeof value === "function" ? value() : value;
    const cell = each instanceof Node || typeof each !== "object" || each === null ? { content: each } : each;
    const made = h("div", {
      role: cell.header ? "rowheader" : "gridcell", class: cell.class, "aria-colindex": column + 1, "aria-label": cell.label,
      title: cell.title, tabindex: row === at.row && column === at.column ? 0 : -1, data: { column },
    }, cell.content);
    made.style.gridColumn = column + 1;
    for (const link of made.querySelectorAll("a, button")) link.tabIndex = -1;
    return made;
  };
  const makeRow = (row) => ({
    columns: "", cells: new Map(), element: styled(h("div", { role: "row", class: "grid-row", "aria-rowindex": row + 2, data: { row } }), {
      gridTemplateColumns: template, top: `${row * rowHeight}px`, height: `${rowHeight}px`,
    }),
  });

  // The left and the right edge of each column after the first. Their widths depend on that of the grid.
  let edges = null;
  const measureColumns = () => {
    edges = [...head.children].slice(1).map((each) => [each.offsetLeft, each.offsetLeft + each.offsetWidth]);
  };
  /** Return the first and the last column in view. The first of all stays in view. */
  const columnsInView = () => {
    if (edges === null) measureColumns();
    const first = edges.findIndex(([, right]) => right > grid.scrollLeft) + 1;
    const last = edges.findLastIndex(([left]) => left < grid.scrollLeft + grid.clientWidth) + 1;
    return [Math.max(1, first - COLUMN_OVERSCAN), Math.min(columns - 1, last + COLUMN_OVERSCAN)];
  };
  // The cells in view, and the one with the focus.
  const fillRow = (row, made, first, last) => {
    const wanted = new Set(row === at.row ? [0, at.column] : [0]);
    for (let column = first; column <= last; column++) wanted.add(column);
    const order = [...wanted].sort((a, b) => a - b);
    if (made.columns === order.join()) return;
    made.columns = order.join();
    for (const [column, cell] of made.cells) {
      if (wanted.has(column)) continue;
      cell.remove();
      made.cells.delete(column);
    }
    let values = null, before = null;
    for (const column of order) {
      let cell = made.cells.get(column);
      if (!cell) {
        values ??= cells(row);
        cell = makeCell(row, column, values[column]);
        made.cells.set(column, cell);
        made.element.insertBefore(cell, before ? before.nextSibling : made.element.firstChild);
      }
      before = cell;
    }
  };

  // The rows in view, and the one with the focus: it must not leave the page under the reader's fingers.
  const render = () => {
    if (!grid.isConnected) return; // the observer renders when it is
    const visible = grid.clientHeight || innerHeight;
    const first = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - OVERSCAN);
    const last = Math.min(count - 1, Math.ceil((grid.scrollTop + visible) / rowHeight) + OVERSCAN);
    const [firstColumn, lastColumn] = columnsInView();
    const wanted = new Set(count ? [at.row] : []);
    for (let row = first; row <= last; row++) wanted.add(row);
    for (const [row, { element }] of rendered) {
      if (!wanted.has(row)) {
        element.remove();
        rendered.delete(row);
      }
    }
    let before = null;
    for (const row of [...wanted].sort((a, b) => a - b)) {
      const made = rendered.get(row) ?? makeRow(row);
      fillRow(row, made, firstColumn, lastColumn);
      if (!rendered.has(row)) {
        rendered.set(row, made);
        // The order of elements is the order of rows, for screen readers.
        body.insertBefore(made.element, before ? before.nextSibling : body.firstChild);
      }
      before = made.element;
    }
  };
  const cellAt = (row, column) => rendered.get(row)?.cells.get(column);
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
      if (column === 0) grid.scrollLeft = 0; // it is always in view, so the next line would leave the others where they are
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
    body.replaceChildren();
    rendered.clear();
    render();
  };
  grid.moveTo = (row, column) => choose(row, column, true);
  grid.refresh();
  // The height and the widths are known when the grid is in the page.
  const observer = new ResizeObserver(() => {
    edges = null;
    render();
  });
  observer.observe(grid);
  observer.observe(head);
  return grid;
}
