import { computed, type ComputedRef } from 'vue'
import { useApi } from '@/app/api'
import type { Group, Target } from '@/api/types'
import { useResource, valueOf } from '@/parts/useResource'

/** Where a role can hold. */
export interface Places {
  readonly targets: readonly Target[]
  readonly groups: readonly Group[]
}

export function usePlaces(): ComputedRef<Places> {
  const api = useApi()
  const places = useResource(async (signal): Promise<Places> => {
    const [targets, groups] = await Promise.all([api.targets(signal), api.groups(signal)])
    return { targets, groups }
  })
  return computed(() => valueOf(places, { targets: [], groups: [] }))
}
