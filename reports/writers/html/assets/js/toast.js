// A short message at the bottom of the page, which a screen reader reads out.

let clearing = 0;

/** Show a message for some seconds. */
export function toast(text) {
  const place = document.getElementById("toast");
  clearTimeout(clearing);
  place.textContent = text;
  place.classList.add("shown");
  clearing = setTimeout(() => {
    place.classList.remove("shown");
    place.textContent = "";
  }, 4000);
}
