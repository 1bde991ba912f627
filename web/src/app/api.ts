import { inject, type InjectionKey } from 'vue'
import type { Api } from '@/api/client'

export const apiKey: InjectionKey<Api> = Symbol('api')

/** The API that the app was given. */
export function useApi(): Api {
  const api = inject(apiKey)
  if (!api) throw new Error('useApi: the app provides no api')
  return api
}
