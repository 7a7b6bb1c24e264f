// A sheet beside the view: a modal dialog. The browser keeps the focus inside, closes it with Esc, and gives the focus back.

import { h } from "./dom.js";

/** Open a sheet with a node. `onClose` is called when it closes. Returns {replace, close, title}. */
export function openSheet(node, onClose) {
  const body = h("div", { class: "sheet-body" });
  const close = h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: () => dialog.close() } }, "✕");
  const dialog = h("dialog", { class: "sheet" }, close, body);
  const focused = document.activeElement;
  const show = (content) => {
    body.replaceChildren(content);
    body.scrollTop = 0;
    const heading = body.querySelector("h1, h2");
    if (heading) {
      heading.id = "sheet-title";
      heading.setAttribute("tabindex", "-1");
      dialog.setAttribute("aria-labelledby", "sheet-title");
      heading.focus({ preventScroll: true });
    }
  };
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    onClose();
  });
  // A click beside the sheet closes it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  show(node);
  return { replace: show, close: () => dialog.close(), title: () => body.querySelector("h1, h2")?.textContent ?? "" };
}
