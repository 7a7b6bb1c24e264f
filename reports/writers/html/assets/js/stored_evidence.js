// Read the evidence of one cell from the blocks of the page (evidence.py writes them).

/** Return {expected, got, summary, wire, app, log, process, digest} of a cell, or null if its evidence was left out. */
export async function readEvidence(store, server, place) {
  const directory = await store.block("evidence");
  for (const [name, rows] of directory?.blocks ?? []) {
    let before = 0;
    for (const row of rows) {
      const at = row[0] === place ? row.indexOf(server, 1) : -1;
      if (at > 0) return unpackCell((await store.block(name))[before + at - 1], store.index.cases[place].summary);
      before += row.length - 1;
    }
  }
  return null;
}

function unpackCell([expected, got, wire, app, log, process, digest = null], summary) {
  return { expected, got, summary, wire: wire.map(connectionEvent), app: app.map(appEvent), log, process, digest };
}

// A character of the data is a byte. `cut` counts the bytes after them that were left out.
function connectionEvent([at, connection, kind, data = "", note = "", cut = 0]) {
  return { at: at / 1000, connection, kind, note, data: btoa(data), cut };
}

// `read` names the fields that the case looked at. Of the others there is only their number if the page had no room.
function appEvent([at, kind, pid, thread, read, others]) {
  const rest = typeof others === "number" ? (others ? { "fields left out": others } : {}) : others;
  return { at: at / 1000, kind, pid, thread, detail: { ...read, ...rest }, read: Object.keys(read) };
}
