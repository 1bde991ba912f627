import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import type { Target } from '@/api/types'

/** The targets there are; none until they are known. */
export function useTargets(api: Pick<Api, 'targets'>): Readonly<ShallowRef<readonly Target[]>> {
  const targets = shallowRef<readonly Target[]>([])
  const abort = new AbortController()
  onScopeDispose(() => {
    abort.abort()
  })
  api.targets(abort.signal).then(
    (found) => (targets.value = found),
    () => undefined, // following all targets needs no list, and says itself what is wrong
  )
  return targets
}
