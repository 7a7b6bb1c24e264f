// Text and bytes from servers, in forms that are safe to show and to paste.

// The same characters as in reports/text/escaping.py: controls, bidirectional overrides, and characters without width.
const UNPRINTABLE = new RegExp(
  "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\uffff" +
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0\\u{d800}-\\u{dfff}" +
    "\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "gu");

const NAMED = { "\r": "\\r", "\v": "\\v", "\f": "\\f" };

/** Return a text with escapes for all characters that could act on a page or hide in it. LF and tab stay. */
export function clean(text) {
  return String(text).replace(UNPRINTABLE, (letter) => {
    const number = letter.codePointAt(0);
    if (number > 0xffff) return `\\U${number.toString(16).padStart(8, "0")}`;
    return NAMED[letter] ?? (number < 0x100 ? `\\x${number.toString(16).padStart(2, "0")}` : `\\u${number.toString(16).padStart(4, "0")}`);
  });
}

/** Return a text on one line with at most `limit` characters. */
export function oneLine(text, limit = 0) {
  const flat = clean(text).replace(/[ \t\n]+/g, " ").trim();
  return limit && flat.length > limit ? `${flat.slice(0, limit - 1)}…` : flat;
}

/** Return the bytes of a base64 text. */
export function bytesOf(packed) {
  const text = atob(packed);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return bytes;
}

const ESCAPES = Array.from({ length: 256 }, (_, value) =>
  value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : `\\x${value.toString(16).padStart(2, "0")}`);
ESCAPES[0x5c] = "\\\\";
ESCAPES[0x0d] = "\\r";
ESCAPES[0x09] = "\\t";
const LITERALS = [...ESCAPES];
LITERALS[0x0a] = "\\n";
LITERALS[0x27] = "\\'";
ESCAPES[0x0a] = "\\n\n";

/** Return bytes as text: ASCII and escapes, with a line break after each LF. */
export function escapedBytes(bytes) {
  return Array.from(bytes, (value) => ESCAPES[value]).join("").replace(/\n$/, "");
}

/** Return bytes as a literal of Python, on one line. */
export function pythonLiteral(bytes) {
  return `b'${Array.from(bytes, (value) => LITERALS[value]).join("")}'`;
}

/** Return a hex dump: the offset, 16 bytes in hex, and the same bytes as ASCII. `start` is the offset of the first. */
export function hexDump(bytes, start = 0) {
  const lines = [];
  for (let place = 0; place < bytes.length; place += 16) {
    const row = bytes.subarray(place, place + 16);
    const hex = Array.from(row, (value) => value.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ").padEnd(23);
    const right = hex.slice(8).join(" ").padEnd(23);
    const ascii = Array.from(row, (value) => (value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : ".")).join("");
    lines.push(`${(start + place).toString(16).padStart(8, "0")}  ${left}  ${right}  |${ascii}|`);
  }
  return lines.join("\n");
}

/** Return a text as a code span of Markdown: it has no mention, link or markup. */
export function codeSpan(text) {
  const flat = oneLine(text) || " ";
  const ticks = "`".repeat(longestRun(flat) + 1);
  const pad = /^`|`$/.test(flat) ? " " : "";
  return `${ticks}${pad}${flat}${pad}${ticks}`;
}

/** Return a text as a block of code of Markdown. Its backticks are more than any run of them in the text. */
export function codeBlock(text, language = "text") {
  const shown = clean(text).replace(/\n+$/, "");
  const ticks = "`".repeat(Math.max(3, longestRun(shown) + 1));
  return `${ticks}${language}\n${shown}\n${ticks}`;
}

function longestRun(text) {
  return Math.max(0, ...(text.match(/`+/g) || []).map((each) => each.length));
}

/** Return `1 case`, `2 cases`. */
export function counted(number, what, plural = `${what}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? what : plural}`;
}
