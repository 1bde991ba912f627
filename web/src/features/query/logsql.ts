/**
 * As much of LogsQL as the page needs to colour it, to complete it and to add to it. Whether a query is right, and
 * where it is wrong, is for central to say.
 */
export type TokenKind = 'space' | 'string' | 'number' | 'field' | 'operator' | 'pipe' | 'keyword' | 'word' | 'bracket' | 'comment'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

/** Names of pipes, with what they do. */
export const pipes: Readonly<Record<string, string>> = {
  collapse_nums: 'make numbers alike: collapse_nums at _msg',
  copy: 'double fields: copy a as b',
  decolorize: 'drop the colours of a terminal',
  delete: 'leave fields out',
  drop_empty_fields: 'leave out what is empty',
  extract: 'take fields out of text: extract "user <name> from"',
  extract_regexp: 'the same, by a regular expression',
  facets: 'the most frequent values of every field',
  field_names: 'which fields there are',
  field_values: 'which values a field has',
  fields: 'keep only these fields',
  filter: 'keep rows that match',
  first: 'the first rows in an order: first 5 by (_time)',
  format: 'make a field: format "<a> <b>" as c',
  hash: 'a number that stands for a text: hash(user.name) as h',
  join: 'add the fields of another query: join by (user.name) (error | stats by (user.name) count() errors)',
  json_array_len: 'how many items an array has: json_array_len(a) as n',
  last: 'the last rows in an order',
  len: 'the length of a field: len(_msg) as n',
  limit: 'keep the first rows; of events, the newest',
  math: 'compute: math a / b as c',
  offset: 'skip the first rows',
  pack_json: 'put fields into a JSON object: pack_json fields (a, b) as c',
  pack_logfmt: 'put fields into name=value pairs',
  rename: 'give fields other names: rename a as b',
  replace: 'replace text: replace ("a", "b") at field',
  replace_regexp: 'the same, by a regular expression',
  sample: 'one row of many: sample 100',
  sort: 'order rows: sort by (n desc)',
  stats: 'count and compute: stats by (host.name) count() n',
  top: 'the most frequent values: top 10 by (user.name)',
  union: 'add the rows of another query: union (_time:1d error)',
  uniq: 'each combination once: uniq by (source.ip)',
  unpack_json: 'take fields out of a JSON object: unpack_json from payload',
  unpack_logfmt: 'take fields out of name=value pairs',
  unpack_syslog: 'take fields out of a line of syslog',
  unpack_words: 'the words of a text as an array',
  unroll: 'a row of each item of an array: unroll by (items)',
}

/** Functions of stats. */
export const functions: Readonly<Record<string, string>> = {
  avg: 'the mean of a field',
  count: 'how many',
  count_empty: 'how many are empty',
  count_uniq: 'how many different values',
  count_uniq_hash: 'the same by hashes, with less memory',
  histogram: 'how many values are in each range',
  json_values: 'rows as JSON objects',
  max: 'the largest value',
  median: 'the middle value',
  min: 'the smallest value',
  quantile: 'quantile(0.95, field)',
  rate: 'how many a second',
  rate_sum: 'the sum a second',
  row_any: 'one row',
  row_max: 'the row with the largest value',
  row_min: 'the row with the smallest value',
  sum: 'the sum of a field',
  sum_len: 'the sum of lengths',
  uniq_values: 'the different values',
  values: 'all values',
}

/** Other names of pipes, filters written as functions, and words kept for later: none may stand alone as a word. */
const otherWords =
  'by cp del rm drop keep where head eval skip mv order options now ' +
  'contains_all contains_any contains_common_case eq_field equals_common_case exact i in ipv4_range le_field len_range ' +
  'lt_field range re seq string_range value_type ' +
  'block_stats blocks_count generate_sequence query_stats running_stats set_stream_fields split stats_remote ' +
  'stream_context time_add total_stats'

const keywords = new Set(['and', 'or', 'not', 'by', 'as', 'asc', 'desc', 'in', 'range', 'with', 'hits', 'from'])
const reserved = new Set([...Object.keys(pipes), ...Object.keys(functions), ...otherWords.split(' '), 'and', 'or', 'not'])
const pipeWords = new Set([...Object.keys(pipes), ...Object.keys(functions), ...otherWords.split(' ').slice(0, 11)])
/** Pipes that make rows of their own instead of passing events on. */
const computing = new Set(['stats', 'by', 'uniq', 'top', 'facets', 'field_names', 'field_values', ...Object.keys(functions)])
const wordLike = /[\p{L}\p{N}_.\-/*@+%$]/u

/** Cuts text into tokens; together they are the text. It never fails: what is not closed runs to the end. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let pipeNext = false
  while (at < text.length) {
    const end = endOfToken(text, at)
    const part = text.slice(at, end)
    const kind = kindOf(part, text, end, pipeNext)
    tokens.push({ kind, text: part, at })
    if (kind !== 'space') pipeNext = part === '|'
    at = end
  }
  return tokens
}

function endOfToken(text: string, at: number): number {
  const first = text.charAt(at)
  if (/\s/.test(first)) return runOf(text, at, /\s/)
  if (first === '#') return text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at)
  if (first === '"' || first === "'" || first === '`') return endOfString(text, at, first)
  if (wordLike.test(first)) return runOf(text, at, wordLike)
  return at + 1
}

function runOf(text: string, at: number, what: RegExp): number {
  while (at < text.length && what.test(text.charAt(at))) at++
  return at
}

function endOfString(text: string, at: number, quote: string): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text.charAt(i) === '\\' && quote !== '`') i++
    else if (text.charAt(i) === quote) return i + 1
  }
  return text.length
}

function kindOf(part: string, text: string, end: number, pipeNext: boolean): TokenKind {
  const first = part.charAt(0)
  if (/\s/.test(first)) return 'space'
  if (first === '#') return 'comment'
  if (text.charAt(end) === ':' && (wordLike.test(first) || '"\'`'.includes(first))) return 'field'
  if ('"\'`'.includes(first)) return 'string'
  if ('()[]{}'.includes(first)) return 'bracket'
  if (!wordLike.test(first)) return 'operator'
  if (pipeNext && pipeWords.has(part)) return 'pipe'
  if (keywords.has(part.toLowerCase()) || (text.charAt(end) === '(' && Object.hasOwn(functions, part))) return 'keyword'
  return /^-?\d+(\.\d+)?([a-z]{1,2}|%)?$/i.test(part) ? 'number' : 'word'
}

/** The filter of a query, and its pipes with the bar before the first. */
export function splitQuery(query: string): { readonly filter: string; readonly pipes: string } {
  let depth = 0
  for (const { kind, text, at } of tokenize(query)) {
    if (kind === 'bracket') depth += '([{'.includes(text) ? 1 : -1
    if (text === '|' && depth <= 0) return { filter: query.slice(0, at).trim(), pipes: query.slice(at) }
  }
  return { filter: query.trim(), pipes: '' }
}

/** Says whether a query computes instead of listing events. */
export function computes(query: string): boolean {
  return hasPipe(query, computing)
}

/** Says whether a query gives its rows an order; else events show the newest first. */
export function ordersRows(query: string): boolean {
  return computes(query) || hasPipe(query, new Set(['sort', 'order', 'first', 'last']))
}

/** The fields that the last `stats` of a query groups by, `_time` among them. */
export function groupsOf(query: string): string[] {
  const tokens = tokenize(splitQuery(query).pipes).filter((t) => t.kind !== 'space')
  const pipe = tokens.findLastIndex((t) => t.kind === 'pipe' && t.text === 'stats')
  const open = tokens.findIndex((t, i) => i > pipe && t.text === '(')
  if (pipe < 0 || tokens[open - 1]?.text.toLowerCase() !== 'by') return []
  const close = tokens.findIndex((t, i) => i > open && t.text === ')')
  const inside = tokens.slice(open + 1, close < 0 ? undefined : close)
  return inside.filter((_, i) => i === 0 || inside[i - 1]?.text === ',').map((t) => unquote(t.text))
}

function hasPipe(query: string, names: ReadonlySet<string>): boolean {
  return tokenize(splitQuery(query).pipes).some((t) => t.kind === 'pipe' && names.has(t.text))
}

/** Adds a condition to a query's filter. */
export function addFilter(query: string, condition: string): string {
  const { filter, pipes: rest } = splitQuery(query)
  const both = filter === '' || filter === '*' ? condition : `${isAlternative(filter) ? `(${filter})` : filter} ${condition}`
  return rest === '' ? both : `${both} ${rest}`
}

function isAlternative(filter: string): boolean {
  return tokenize(filter).some((t) => t.kind === 'keyword' && t.text.toLowerCase() === 'or')
}

/** `host.name:="gw1"`, or its opposite. */
export function fieldIs(name: string, value: string, not = false): string {
  return `${not ? '!' : ''}${fieldName(name)}:=${quote(value)}`
}

/** A field's name as LogsQL takes it: quoted only where it must be. */
export function fieldName(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(name) && !reserved.has(name.toLowerCase()) ? name : quote(name)
}

/** A string in double quotes. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

/** What a token of a word or a string says. */
function unquote(token: string): string {
  if (!/^["'`]/.test(token)) return token
  const inside = token.slice(1, -1)
  return token.startsWith('`') ? inside : inside.replace(/\\(.)/g, '$1')
}

/** A word where it can stand alone, else a phrase in quotes. */
export function phrase(text: string): string {
  return /^[\p{L}\p{N}_]+$/u.test(text) && !reserved.has(text.toLowerCase()) ? text : quote(text)
}
