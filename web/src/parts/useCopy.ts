import { onScopeDispose, readonly, ref, type Ref } from 'vue'

const shownMs = 1600

/** Copies to the clipboard and says so for a moment. */
export function useCopy(): { copied: Readonly<Ref<boolean>>; copy: (text: string) => Promise<boolean> } {
  const copied = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => {
    clearTimeout(timer)
  })
  async function copy(text: string) {
    try {
      await navigator.clipboard.writeText(text)
      copied.value = true
    } catch {
      copied.value = false // the browser does not allow it: only pages over TLS and on loopback may
    }
    clearTimeout(timer)
    timer = setTimeout(() => (copied.value = false), shownMs)
    return copied.value
  }
  return { copied: readonly(copied), copy }
}
