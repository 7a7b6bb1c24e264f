// Copy text to the clipboard, and save files.

import { h } from "./dom.js";
import { toast } from "./toast.js";

/** Copy `text` and say so. `what` names it in the message. */
export async function copyText(text, what = "") {
  const done = (await copyWithClipboard(text)) || copyWithSelection(text);
  toast(done ? `Copied${what ? ` ${what}` : ""}` : "This browser does not let the page copy. Select the text and copy it.");
  return done;
}

async function copyWithClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // A page from a file may not have the permission.
  }
}

function copyWithSelection(text) {
  const area = h("textarea", { class: "off-screen", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  const parent = document.querySelector("dialog[open]") || document.body;
  const focused = document.activeElement;
  parent.append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  area.remove();
  focused?.focus?.({ preventScroll: true });
  return done;
}

/** Save a file. `content` is text or a Blob. */
export function saveFile(name, type, content) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { download: name });
  link.setAttribute("href", address);
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
