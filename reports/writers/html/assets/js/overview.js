// The first screen: sorting the scoreboard, and copying it.

/** Start the first screen. Returns a function that follows the fragment of the overview. */
export function startOverview() {
  return () => {};
}
