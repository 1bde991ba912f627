import { onMounted, onScopeDispose } from 'vue'

/**
 * Runs an act for a key pressed anywhere but where a person writes, and while nothing is open above the page. "mod+Enter" is Ctrl or
 * Command with Enter; it and Escape work while writing too.
 */
export function useShortcuts(acts: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  function onKey(event: KeyboardEvent) {
    const mod = event.ctrlKey || event.metaKey
    const act = acts[(mod ? 'mod+' : '') + event.key]
    if (!act || event.defaultPrevented || event.altKey || (!mod && event.key !== 'Escape' && isWriting(event)) || isSomethingOpen()) return
    if (event.key !== 'Escape') event.preventDefault()
    act(event)
  }
  onMounted(() => {
    document.addEventListener('keydown', onKey)
  })
  onScopeDispose(() => {
    document.removeEventListener('keydown', onKey)
  })
}

/** Looks into shadow trees: the editor lives in one. */
function isWriting(event: Event): boolean {
  const at = event.composedPath()[0]
  return at instanceof HTMLElement && (at.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tagName))
}

/** A dialog, popover, menu or list takes the keys while it is open. */
function isSomethingOpen(): boolean {
  return document.querySelector(':is([role="dialog"], [role="menu"], [role="listbox"])[data-state="open"]') !== null
}
