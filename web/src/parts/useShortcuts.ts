import { onMounted, onScopeDispose } from 'vue'

/**
 * Runs an act for a key pressed anywhere but where a person writes, and while nothing is open above the page. "mod+Enter" is Ctrl or
 * Command with Enter; it and Escape work while writing too. Enter and Space are left to what they press.
 */
export function useShortcuts(acts: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  function onKey(event: KeyboardEvent) {
    const mod = event.ctrlKey || event.metaKey
    const act = acts[(mod ? 'mod+' : '') + event.key]
    if (!act || event.defaultPrevented || event.altKey || (!mod && event.key !== 'Escape' && isWriting(event)) || isSomethingOpen()) return
    if (!mod && (event.key === 'Enter' || event.key === ' ') && isPressed(event)) return
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

/** Enter and Space press the button or follow the link that has the focus. */
function isPressed(event: Event): boolean {
  return event.target instanceof Element && event.target.closest('button, a[href], summary, [role="button"], [role="tab"], [role="slider"], [role="separator"]') !== null
}

/** A dialog, popover, menu or list takes the keys while it is open. */
function isSomethingOpen(): boolean {
  return document.querySelector(':is([role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"])[data-state="open"]') !== null
}
