import { effectScope } from 'vue'
import { expect, it } from 'vitest'
import { ApiError } from '@/api/problem'
import { problemIn, useResource, valueOf } from './useResource'

it('keeps what there was, and says that it is old', async () => {
  let broken = true
  const scope = effectScope()
  const used = scope.run(() =>
    useResource(() => (broken ? Promise.reject(new ApiError(503, 'unavailable', 'the disk is full')) : Promise.resolve([1]))),
  )
  if (!used) throw new Error('the scope is gone')
  await used.refresh()
  expect(used.state.value).toEqual({ kind: 'failed', message: 'the disk is full' })
  expect(valueOf(used, [])).toEqual([])
  expect(problemIn(used.state.value)).toBe('the disk is full')
  broken = false
  await used.refresh()
  expect(used.state.value).toEqual({ kind: 'done', value: [1] })
  expect(problemIn(used.state.value)).toBeUndefined()
  broken = true
  await used.refresh()
  expect(used.state.value).toEqual({ kind: 'done', value: [1], problem: 'the disk is full' })
  expect(valueOf(used, [])).toEqual([1])
  expect(problemIn(used.state.value)).toBe('the disk is full')
  scope.stop()
})
