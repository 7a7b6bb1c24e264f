"use strict";
// The filter, the theme, and links into closed parts. The page is complete without this script.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("wsgi-gauntlet-theme") || "auto"; } catch { /* no storage for files here */ }
  const applyTheme = () => {
    if (!themes.includes(theme)) theme = "auto";
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `◐ ${theme}`;
    button.setAttribute("aria-label", `Colours: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("wsgi-gauntlet-theme", theme); } catch { /* the same */ }
    applyTheme();
  });
  button.hidden = false;
  applyTheme();

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let each = target.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) setTimeout(reveal);
  });
  if (location.hash) reveal();

  // The evidence is unpacked when the first cell is opened. It goes into the page as text only.
  const sides = ["sent", "received", "app", "note"];
  const escapes = /((?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+)/;
  let evidence;
  const unpack = async () => {
    const packed = atob(document.getElementById("evidence").textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  const newElement = (tag, text, shade) => {
    const element = document.createElement(tag);
    if (shade) element.className = shade;
    element.textContent = text;
    return element;
  };
  const withEscapes = (text, shade) => {
    const element = newElement("pre", "", shade || "");
    text.split(escapes).forEach((part, place) => element.append(place % 2 ? newElement("i", part) : part));
    return element;
  };
  const showEvidence = ([rows, log]) => {
    const parts = [];
    if (rows.length) {
      const list = newElement("ol", "", "time");
      for (const [at, side, arrow, connection, label, text] of rows) {
        const row = newElement("li", "", sides[side]);
        row.append(newElement("time", at.toFixed(1)), newElement("b", arrow), newElement("span", (connection ? `#${connection} ` : "") + label));
        if (text) row.append(withEscapes(text));
        list.append(row);
      }
      parts.push(list);
    } else parts.push(newElement("p", "Nothing was sent or received.", "note"));
    if (log) parts.push(newElement("h5", "Server log"), withEscapes(log, "log"));
    return parts;
  };
  document.addEventListener("toggle", async (event) => {
    const cell = event.target;
    if (!cell.open || !cell.dataset.e || cell.dataset.shown) return;
    cell.dataset.shown = "yes";
    const inside = cell.querySelector(".inside");
    try {
      evidence ??= unpack();
      inside.append(...showEvidence((await evidence)[Number(cell.dataset.e)]));
    } catch {
      inside.append(newElement("p", "This browser cannot unpack the evidence. results.json in the same folder has it.", "note"));
    }
  }, true);

  // The title of a sign is its label. It is added on demand, because the page has thousands of signs.
  document.addEventListener("mouseover", (event) => {
    const sign = event.target.closest("a.v");
    if (sign && !sign.title) sign.title = sign.getAttribute("aria-label");
  });

  const tools = document.getElementById("filter");
  if (!tools) return;
  tools.hidden = false;
  const show = document.getElementById("show");
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("tr.case")];
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const visible = (!show.value || row.dataset.is.split(" ").includes(show.value)) &&
        words.every((word) => row.dataset.text.includes(word));
      row.hidden = !visible;
      count += visible;
    }
    for (const body of document.querySelectorAll("#matrix tbody")) body.hidden = !body.querySelector("tr.case:not([hidden])");
    shown.textContent = count === rows.length ? "" : `${count} of ${rows.length} cases`;
  };
  show.addEventListener("change", filter);
  find.addEventListener("input", filter);
})();
