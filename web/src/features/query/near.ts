/** Names that resemble what was typed: those that hold it first, then those a slip of the finger away. */
export function nearNames(typed: string, names: readonly string[]): string[] {
  const wanted = typed.toLowerCase()
  const holding = names.filter((name) => name.toLowerCase().includes(wanted))
  const slips = names.filter((name) => !holding.includes(name) && distance(wanted, name.toLowerCase()) <= (wanted.length < 4 ? 1 : 2))
  return [...holding, ...slips]
}

/** How many letters must be added, left out, changed or swapped with the next (Damerau and Levenshtein). */
function distance(a: string, b: string): number {
  let [older, old] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (old[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (older[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(change, swap, (old[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    ;[older, old] = [old, row]
  }
  return old[b.length] ?? 0
}
