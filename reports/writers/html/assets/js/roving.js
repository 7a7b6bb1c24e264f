// One tab stop for many links: Tab reaches one of them, and the arrow keys move between them.

const KEYS = new Set(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"]);

/**
 * Make the links and buttons in `container` that match `selector` one tab stop.
 *
 * Left and right follow the order of the document. Up and down go to the nearest one in another line. Items may come
 * and go later: call the function that is returned after that.
 */
export function roving(container, selector = "a[href]") {
  const items = () => [...container.querySelectorAll(selector)].filter((each) => each.offsetParent !== null || !each.isConnected);
  const choose = (chosen) => {
    for (const each of container.querySelectorAll(selector)) each.tabIndex = each === chosen ? 0 : -1;
  };
  const refresh = () => {
    const current = container.querySelector(`:is(${selector})[tabindex="0"]`);
    choose(current ?? container.querySelector(selector));
  };
  container.addEventListener("focusin", (event) => {
    if (event.target.matches(selector)) choose(event.target);
  });
  container.addEventListener("keydown", (event) => {
    if (!KEYS.has(event.key) || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(selector)) return;
    event.preventDefault();
    next(items(), event.target, event.key)?.focus();
  });
  refresh();
  return refresh;
}

function next(items, current, key) {
  const place = items.indexOf(current);
  if (key === "ArrowRight") return items[place + 1];
  if (key === "ArrowLeft") return items[place - 1];
  const box = current.getBoundingClientRect();
  if (key === "Home" || key === "End") {
    const line = items.filter((each) => sameLine(each.getBoundingClientRect(), box));
    return key === "Home" ? line[0] : line.at(-1);
  }
  const down = key === "ArrowDown";
  let best = null, bestDistance = null;
  for (const each of items) {
    const other = each.getBoundingClientRect();
    if (sameLine(other, box) || other.top > box.top !== down) continue;
    const distance = [Math.abs(middle(other.top, other.bottom) - middle(box.top, box.bottom)), Math.abs(middle(other.left, other.right) - middle(box.left, box.right))];
    if (best === null || distance[0] < bestDistance[0] - 4 || (distance[0] < bestDistance[0] + 4 && distance[1] < bestDistance[1])) {
      [best, bestDistance] = [each, distance];
    }
  }
  return best;
}

const middle = (a, b) => (a + b) / 2;

function sameLine(a, b) {
  return a.top < b.bottom - 2 && b.top < a.bottom - 2;
}
