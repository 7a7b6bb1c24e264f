// Make elements. Text from servers becomes text nodes, and never markup.

/** Return a new element. Children are nodes, strings, numbers, arrays of these, or null. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "aria") for (const [key, text] of Object.entries(value)) element.setAttribute(`aria-${key}`, text);
    else if (name === "data") for (const [key, text] of Object.entries(value)) element.dataset[key] = text;
    else if (name === "href") setLink(element, String(value));
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/** Add children to an element. */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

// Only fragments and web addresses are links: an address with a script is not.
function setLink(element, address) {
  if (/^#|^https?:\/\//i.test(address)) element.setAttribute("href", address);
  if (/^https?:/i.test(address)) element.setAttribute("rel", "noopener noreferrer");
}

const forbidden = "script, foreignObject, style, iframe, image, use, a, animate, set, handler, listener";

/** Return a chart that Python made. It is cleaned again, although Python escaped all text. */
export function svg(markup) {
  const parsed = new DOMParser().parseFromString(markup, "image/svg+xml").documentElement;
  if (parsed.nodeName !== "svg") return h("p", { class: "note", text: "This chart cannot be shown." });
  for (const each of parsed.querySelectorAll(forbidden)) each.remove();
  for (const each of [parsed, ...parsed.querySelectorAll("*")]) {
    for (const attribute of [...each.attributes]) {
      if (/^on|href$/i.test(attribute.name)) each.removeAttribute(attribute.name);
    }
  }
  return document.importNode(parsed, true);
}

/** Return a text with its parts between backticks as code. */
export function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part));
}

/** Return the name of a server, or another name with punctuation, that breaks into lines at its punctuation. */
export function breakable(name) {
  return name.split(/(?<=[:+/@\[,])/).flatMap((part, place) => (place ? [h("wbr"), part] : [part]));
}

/** Return a box in which a wide table scrolls. A stop of the Tab key, so that arrow keys can scroll it. */
export function scrollBox(label, ...children) {
  return h("div", { class: "box", role: "region", "aria-label": label, tabindex: 0 }, children);
}
