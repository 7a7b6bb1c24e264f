// Tables as CSV and Markdown, and pictures as SVG and PNG.

/** Return {csv, markdown} of a table. `heads` is a list of texts, `rows` a list of lists of texts or numbers. */
export function exportTable(heads, rows) {
  const csv = [heads, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const markdown = [line(heads.map(plainHead)), line(heads.map(() => "---")), ...rows.map((row) => line(row.map(markdownCell)))];
  return { csv, markdown: markdown.join("\n") + "\n" };
}

// A spreadsheet runs a cell that begins with one of these as a formula. The apostrophe makes it a text.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const plainHead = (text) => String(text).replace(/[|`<>[\]\r\n]/g, " ");

/** Return a text as code, so that Markdown finds no mention, link or markup in it. */
export function markdownCell(value) {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "number") return String(value);
  const text = String(value).replace(/[\r\n]+/g, " ").replaceAll("|", "\\|");
  const ticks = "`".repeat(Math.max(0, ...(text.match(/`+/g) || []).map((each) => each.length)) + 1);
  const pad = /^`|`$/.test(text) ? " " : "";
  return `${ticks}${pad}${text}${pad}${ticks}`;
}

const SVG = "http://www.w3.org/2000/svg";
const PAINTED = ["fill", "stroke", "opacity", "fill-opacity", "stroke-opacity", "font-size", "font-weight", "font-family"];

/** Return an SVG file of an element as it is shown: a chart, or a table with charts in it. */
export function pictureOf(element) {
  const box = element.getBoundingClientRect();
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("xmlns", SVG);
  picture.setAttribute("width", Math.ceil(box.width));
  picture.setAttribute("height", Math.ceil(box.height));
  picture.setAttribute("viewBox", `0 0 ${Math.ceil(box.width)} ${Math.ceil(box.height)}`);
  picture.append(rectangle({ x: 0, y: 0, width: box.width, height: box.height }, getComputedStyle(document.body).backgroundColor, 0));
  paint(element, picture, box);
  return new XMLSerializer().serializeToString(picture);
}

function paint(element, picture, origin) {
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden") return;
  const box = element.getBoundingClientRect();
  const at = { x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height };
  if (element.namespaceURI === SVG) {
    picture.append(chart(element, at));
    return;
  }
  if (at.width <= 1 || at.height <= 1) return; // only for screen readers
  const radius = parseFloat(style.borderTopLeftRadius) || 0;
  if (visible(style.backgroundColor)) picture.append(rectangle(at, style.backgroundColor, radius));
  if (parseFloat(style.borderBottomWidth) && visible(style.borderBottomColor)) {
    picture.append(rectangle({ x: at.x, y: at.y + at.height - 1, width: at.width, height: 1 }, style.borderBottomColor, 0));
  }
  for (const child of element.childNodes) {
    if (child.nodeType === Node.ELEMENT_NODE) paint(child, picture, origin);
    else if (child.nodeType === Node.TEXT_NODE) lines(child, style, picture, origin);
  }
}

const visible = (colour) => colour !== "transparent" && !/, 0\)$/.test(colour);

function rectangle(at, colour, radius) {
  const element = document.createElementNS(SVG, "rect");
  for (const name of ["x", "y", "width", "height"]) element.setAttribute(name, at[name].toFixed(1));
  if (radius) element.setAttribute("rx", Math.min(radius, at.height / 2).toFixed(1));
  element.setAttribute("fill", colour);
  return element;
}

// A copy of a chart with the colours that the page gives it.
function chart(element, at) {
  const copy = element.cloneNode(true);
  const [from, to] = [[element, ...element.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((each, place) => {
    const style = getComputedStyle(each);
    for (const name of PAINTED) to[place].setAttribute(name, style.getPropertyValue(name));
  });
  for (const name of ["x", "y", "width", "height"]) copy.setAttribute(name, at[name].toFixed(1));
  copy.removeAttribute("class");
  return copy;
}

// The lines of a text as the browser broke them.
function lines(node, style, picture, origin) {
  const range = document.createRange();
  let start = 0, top = null, bottom = 0, left = 0;
  const flush = (end) => {
    const text = node.data.slice(start, end).trim();
    if (!text || top === null) return;
    const element = document.createElementNS(SVG, "text");
    const size = parseFloat(style.fontSize);
    element.setAttribute("x", (left - origin.x).toFixed(1));
    element.setAttribute("y", ((top + bottom) / 2 - origin.y + size * 0.35).toFixed(1));
    element.setAttribute("font-size", size);
    element.setAttribute("font-weight", style.fontWeight);
    element.setAttribute("font-family", style.fontFamily);
    element.setAttribute("fill", style.color);
    element.textContent = text;
    picture.append(element);
  };
  for (let place = 0; place < node.length; place++) {
    if (/\s/.test(node.data[place])) continue;
    range.setStart(node, place);
    range.setEnd(node, place + 1);
    const box = range.getBoundingClientRect();
    if (!box.width) continue;
    if (top === null || box.top > top + box.height / 2) {
      flush(place);
      [start, top, bottom, left] = [place, box.top, box.bottom, box.left];
    }
  }
  flush(node.length);
}

/** Return a PNG of an SVG file, at twice its size. */
export async function toPng(markup, scale = 2) {
  const address = URL.createObjectURL(new Blob([markup], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width * scale, image.height * scale];
    const drawing = canvas.getContext("2d");
    drawing.scale(scale, scale);
    drawing.drawImage(image, 0, 0);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}
