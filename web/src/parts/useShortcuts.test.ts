import { mount } from '@vue/test-utils'
import { expect, it, vi } from 'vitest'
import { useShortcuts } from './useShortcuts'

it('leaves Enter and Space to the button that has the focus, and other keys not', () => {
  const act = vi.fn()
  mount({
    template: '<div><button>b</button><input></div>',
    setup: () => { useShortcuts({ Enter: act, ' ': act, j: act, 'mod+Enter': act }) },
  }, { attachTo: document.body })
  const press = (selector: string, key: string, ctrlKey = false) => {
    act.mockClear()
    const event = new KeyboardEvent('keydown', { key, ctrlKey, bubbles: true, cancelable: true })
    document.querySelector(selector)?.dispatchEvent(event)
    return [act.mock.calls.length, event.defaultPrevented]
  }
  expect(press('body', 'Enter')).toEqual([1, true])
  expect(press('body', ' ')).toEqual([1, true])
  expect(press('button', 'Enter')).toEqual([0, false])
  expect(press('button', ' ')).toEqual([0, false])
  expect(press('button', 'j')).toEqual([1, true])
  expect(press('input', 'j')).toEqual([0, false])
  expect(press('input', 'Enter', true)).toEqual([1, true])
  expect(press('button', 'Enter', true)).toEqual([1, true])
})
