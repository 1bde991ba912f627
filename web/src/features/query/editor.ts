/**
 * The LogsQL editor. It lives in a shadow tree: there CodeMirror adopts its styles instead of writing style elements,
 * which the page's content security policy would refuse.
 */
import { autocompletion, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import { EditorState, Prec, StateEffect, StateField, type Extension } from '@codemirror/state'
import { Decoration, EditorView, keymap, placeholder, type DecorationSet } from '@codemirror/view'
import { minimalSetup } from 'codemirror'
import { completions, type Known } from './complete'
import { tokenize } from './logsql'

export interface EditorOptions {
  readonly host: HTMLElement
  readonly text: string
  readonly label: string
  readonly known: () => Known
  readonly onChange: (text: string) => void
  readonly onRun: () => void
}

export interface Editor {
  setText(text: string): void
  /** Marks what stands at a column, counted from 1 in characters; undefined clears. */
  setError(column: number | undefined): void
  focus(): void
  destroy(): void
}

export function createEditor(options: EditorOptions): Editor {
  const root = options.host.shadowRoot ?? options.host.attachShadow({ mode: 'open', delegatesFocus: true })
  const view = new EditorView({ root, parent: root, state: EditorState.create({ doc: options.text, extensions: extensions(options) }) })
  return {
    setText(text) {
      if (text === view.state.doc.toString()) return
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } })
    },
    setError: (column) => {
      view.dispatch({ effects: markError.of(column) })
    },
    focus: () => {
      view.focus()
    },
    destroy: () => {
      view.destroy()
    },
  }
}

function extensions(options: EditorOptions): Extension {
  const run = () => {
    options.onRun()
    return true
  }
  return [
    minimalSetup,
    Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
    keymap.of(completionKeymap),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false' }),
    placeholder('error | stats by (host.name) count() n'),
    autocompletion({ override: [(context) => complete(context, options.known())], icons: false }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) options.onChange(update.state.doc.toString())
    }),
    colours,
    errorMark,
    theme,
  ]
}

function complete(context: CompletionContext, known: Known): CompletionResult | null {
  const text = context.state.doc.toString()
  const found = completions(text, context.pos, known)
  if (!found || (found.from === context.pos && !context.explicit && !found.eager)) return null
  return { from: found.from, options: found.options.map((o): Completion => ({ ...o })), validFor: /^[\p{L}\p{N}_.-]*$/u }
}

const colours = StateField.define<DecorationSet>({
  create: (state) => colour(state.doc.toString()),
  update: (marks, tr) => (tr.docChanged ? colour(tr.newDoc.toString()) : marks),
  provide: (field) => EditorView.decorations.from(field),
})

function colour(text: string): DecorationSet {
  const coloured = tokenize(text).filter((t) => t.kind !== 'space' && t.kind !== 'word')
  return Decoration.set(
    coloured.map((t) => Decoration.mark({ class: `ll-${t.kind}` }).range(t.at, t.at + t.text.length)),
  )
}

const markError = StateEffect.define<number | undefined>()

const errorMark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, tr) {
    for (const effect of tr.effects) if (effect.is(markError)) return errorAt(tr.newDoc.toString(), effect.value)
    return tr.docChanged ? marks.map(tr.changes) : marks
  },
  provide: (field) => EditorView.decorations.from(field),
})

function errorAt(text: string, column: number | undefined): DecorationSet {
  if (column === undefined || text === '') return Decoration.none
  // Columns count characters, positions UTF-16 units.
  const at = Math.min([...text].slice(0, column - 1).join('').length, text.length - 1)
  const token = tokenize(text).find((t) => at >= t.at && at < t.at + t.text.length)
  const end = token && token.kind !== 'space' ? token.at + token.text.length : at + 1
  return Decoration.set(Decoration.mark({ class: 'll-error', attributes: { title: 'here' } }).range(at, end))
}

const theme = EditorView.theme({
  '&': { fontSize: '0.8125rem', color: 'var(--color-ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.25rem', maxHeight: '10rem' },
  '.cm-content': { padding: '0.3125rem 0', caretColor: 'var(--color-accent)' },
  '.cm-line': { padding: '0 0.625rem' },
  '.cm-cursor': { borderLeftColor: 'var(--color-accent)', borderLeftWidth: '2px' },
  '.cm-placeholder': { color: 'var(--color-ink-faint)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--color-picked)',
  },
  '.ll-pipe': { color: 'var(--color-syntax-pipe)', fontWeight: '600' },
  '.ll-keyword': { color: 'var(--color-syntax-pipe)' },
  '.ll-field': { color: 'var(--color-syntax-field)' },
  '.ll-string': { color: 'var(--color-syntax-string)' },
  '.ll-number': { color: 'var(--color-syntax-number)' },
  '.ll-operator': { color: 'var(--color-syntax-operator)' },
  '.ll-bracket, .ll-comment': { color: 'var(--color-ink-faint)' },
  '.ll-error': { textDecoration: 'underline wavy var(--color-bad)', textUnderlineOffset: '3px', backgroundColor: 'var(--color-bad-soft)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--color-raised)', border: '1px solid var(--color-line)', borderRadius: '6px', boxShadow: 'var(--shadow-float)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', maxHeight: '16rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.1875rem 0.625rem' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--color-picked)', color: 'var(--color-ink)' },
  '.cm-completionDetail': { fontFamily: 'var(--font-sans)', fontStyle: 'normal', color: 'var(--color-ink-faint)' },
})
