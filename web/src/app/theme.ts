import { readonly, ref, type Ref } from 'vue'

export type Theme = 'system' | 'light' | 'dark'

const key = 'llama-theme'
const themes: readonly Theme[] = ['system', 'light', 'dark']

/** The theme in force, kept in this browser. */
export function useTheme(root: HTMLElement = document.documentElement): {
  theme: Readonly<Ref<Theme>>
  next: () => void
} {
  const stored = localStorage.getItem(key)
  const theme = ref<Theme>(themes.find((t) => t === stored) ?? 'system')
  function show() {
    if (theme.value === 'system') delete root.dataset.theme
    else root.dataset.theme = theme.value
    window.dispatchEvent(new Event('themechange')) // canvases do not follow the style sheet
  }
  function next() {
    theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'system'
    localStorage.setItem(key, theme.value)
    show()
  }
  show()
  return { theme: readonly(theme), next }
}
