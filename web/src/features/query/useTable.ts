import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'
import {
  getCoreRowModel,
  getSortedRowModel,
  useVueTable,
  type ColumnDef,
  type ColumnSizingState,
  type Row as TableRow,
  type SortingState,
  type Table,
} from '@tanstack/vue-table'
import { textOf, type Row, type Value } from '@/api/value'

const widths: Readonly<Record<string, number>> = { _time: 184, _msg: 320, _collection: 110 }
/** Of a column whose width was not chosen: as wide as its first values need, within bounds. */
const [narrowest, widest, sampled] = [110, 360, 50]
const charPx = 6.7

/** A table over loaded rows: what is shown, how wide, in which order. Sorting is of the loaded rows only. */
export function useTable(
  rows: Ref<readonly Row[]>,
  columns: Ref<readonly string[]>,
  newestFirst: Ref<boolean>,
): { table: Table<Row>; template: ComputedRef<string>; width: ComputedRef<number> } {
  const sorting = ref<SortingState>([])
  const sizing = ref<ColumnSizingState>({})
  watch(newestFirst, (first) => (sorting.value = first ? [{ id: '_time', desc: true }] : []), { immediate: true })

  // The table asks for them again and again, and what is equal but new would be measured and laid out anew.
  const defs = computed(() => columns.value.map((name) => column(name, rows.value)))
  const table = useVueTable<Row>({
    get data() {
      return rows.value as Row[]
    },
    get columns() {
      return defs.value
    },
    state: {
      get sorting() {
        return sorting.value
      },
      get columnSizing() {
        return sizing.value
      },
    },
    onSortingChange: (next) => (sorting.value = typeof next === 'function' ? next(sorting.value) : next),
    onColumnSizingChange: (next) => (sizing.value = typeof next === 'function' ? next(sizing.value) : next),
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    columnResizeMode: 'onChange',
  })

  // The message takes what is left, unless its width was set by hand; without one, nothing does.
  const template = computed(() => {
    const tracks = table.getAllLeafColumns().map((c) => {
      const size = `${String(c.getSize())}px`
      return c.id === '_msg' && sizing.value._msg === undefined ? `minmax(${size}, 1fr)` : size
    })
    return tracks.some((track) => track.endsWith('1fr)')) ? tracks.join(' ') : `${tracks.join(' ')} 1fr`
  })
  const width = computed(() => table.getAllLeafColumns().reduce((sum, c) => sum + c.getSize(), 0))
  return { table, template, width }
}

/** How wide the first values of a column are, about. */
function widthFor(name: string, rows: readonly Row[]): number {
  const longest = Math.max(name.length + 4, ...rows.slice(0, sampled).map((row) => textOf(row[name]).length))
  return Math.round(Math.min(widest, Math.max(narrowest, longest * charPx + 20)))
}

function column(name: string, rows: readonly Row[]): ColumnDef<Row> {
  return {
    id: name,
    accessorFn: (row) => row[name],
    header: name,
    size: widths[name] ?? widthFor(name, rows),
    minSize: 56,
    sortingFn: (a, b) => compareCells(a, b, name),
    sortUndefined: 'last',
    sortDescFirst: name === '_time',
  }
}

function compareCells(a: TableRow<Row>, b: TableRow<Row>, name: string): number {
  return compareValues(a.original[name], b.original[name])
}

/** Numbers by size, all else by text; times in RFC 3339 sort as text but for their decimals' zeros. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
  const [x, y] = [textOf(a), textOf(b)]
  const [n, m] = [Number(x), Number(y)]
  if (x !== '' && y !== '' && !Number.isNaN(n) && !Number.isNaN(m)) return n - m
  const [s, t] = [x.replace(/Z$/, ''), y.replace(/Z$/, '')]
  return s < t ? -1 : s > t ? 1 : 0
}
