"use strict";
// Filter, theme and opening what a link leads to: the page is complete without any of it.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("wsgi-gauntlet-theme") || "auto"; } catch { /* no storage for files here */ }
  const dress = () => {
    if (!themes.includes(theme)) theme = "auto";
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `◐ ${theme}`;
    button.setAttribute("aria-label", `Colours: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("wsgi-gauntlet-theme", theme); } catch { /* likewise */ }
    dress();
  });
  button.hidden = false;
  dress();

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

  // What was sent and seen comes out of its packing when the first cell is opened. It goes into the page as text only.
  const sides = ["sent", "received", "app", "note"];
  const escapes = /((?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+)/;
  let evidence;
  const unpack = async () => {
    const packed = atob(document.getElementById("evidence").textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  const made = (tag, text, shade) => {
    const element = document.createElement(tag);
    if (shade) element.className = shade;
    element.textContent = text;
    return element;
  };
  const marked = (text, shade) => {
    const element = made("pre", "", shade || "");
    text.split(escapes).forEach((part, place) => element.append(place % 2 ? made("i", part) : part));
    return element;
  };
  const laid = ([rows, log]) => {
    const parts = [];
    if (rows.length) {
      const list = made("ol", "", "time");
      for (const [at, side, arrow, connection, label, text] of rows) {
        const row = made("li", "", sides[side]);
        row.append(made("time", at.toFixed(1)), made("b", arrow), made("span", (connection ? `#${connection} ` : "") + label));
        if (text) row.append(marked(text));
        list.append(row);
      }
      parts.push(list);
    } else parts.push(made("p", "Nothing went over the wire.", "note"));
    if (log) parts.push(made("h5", "The server's log"), marked(log, "log"));
    return parts;
  };
  document.addEventListener("toggle", async (event) => {
    const cell = event.target;
    if (!cell.open || !cell.dataset.e || cell.dataset.laid) return;
    cell.dataset.laid = "yes";
    const inside = cell.querySelector(".inside");
    try {
      evidence ??= unpack();
      inside.append(...laid((await evidence)[Number(cell.dataset.e)]));
    } catch {
      inside.append(made("p", "This browser cannot unpack what was sent and seen: it is in results.json beside this file.", "note"));
    }
  }, true);

  // What a sign stands for is its label; as a title too, thousands of them would weigh down the page.
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
      const kept = (!show.value || row.dataset.is.split(" ").includes(show.value)) &&
        words.every((word) => row.dataset.text.includes(word));
      row.hidden = !kept;
      count += kept;
    }
    for (const body of document.querySelectorAll("#matrix tbody")) body.hidden = !body.querySelector("tr.case:not([hidden])");
    shown.textContent = count === rows.length ? "" : `${count} of ${rows.length} cases`;
  };
  show.addEventListener("change", filter);
  find.addEventListener("input", filter);
})();
