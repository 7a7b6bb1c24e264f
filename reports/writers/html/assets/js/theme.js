// The button for light and dark. Without a choice the page follows the system.

const KEY = "wsgi-gauntlet-theme";
const THEMES = ["auto", "light", "dark"];

/** Show the button and apply the last choice of this tab. */
export function startTheme() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  let theme = "auto";
  try {
    theme = sessionStorage.getItem(KEY) || "auto";
  } catch {
    // Some browsers have no storage for files.
  }
  const apply = () => {
    if (!THEMES.includes(theme)) theme = "auto";
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${theme}`);
    button.title = `Colours: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      sessionStorage.setItem(KEY, theme);
    } catch {
      // Likewise.
    }
    apply();
  });
  button.hidden = false;
  apply();
}
