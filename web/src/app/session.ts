import { inject, readonly, shallowRef, type InjectionKey, type ShallowRef } from 'vue'
import type { Api } from '@/api/client'
import { ApiError, describe } from '@/api/problem'
import type { Session } from '@/api/types'

export type SessionState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'signedOut'; readonly expired: boolean }
  | { readonly kind: 'signedIn'; readonly session: Session }

/** Who is signed in. Its acts change the state, or throw and leave it. */
export interface SessionKeeper {
  readonly state: Readonly<ShallowRef<SessionState>>
  /** Asks central who we are; on start, and when central was out of reach. */
  load(): Promise<void>
  signIn(user: string, password: string): Promise<void>
  signOut(): Promise<void>
  changePassword(old: string, next: string): Promise<void>
  /** Central no longer knows us. */
  expire(): void
}

export const sessionKey: InjectionKey<SessionKeeper> = Symbol('session')

export function useSession(): SessionKeeper {
  const session = inject(sessionKey)
  if (!session) throw new Error('useSession: the app provides no session')
  return session
}

export function createSession(
  api: Pick<Api, 'session' | 'signIn' | 'signOut' | 'changePassword'>,
): SessionKeeper {
  const state = shallowRef<SessionState>({ kind: 'unknown' })
  return {
    state: readonly(state) as Readonly<ShallowRef<SessionState>>,
    async load() {
      try {
        state.value = { kind: 'signedIn', session: await api.session() }
      } catch (error) {
        state.value =
          error instanceof ApiError && error.status === 401
            ? { kind: 'signedOut', expired: false }
            : { kind: 'unreachable', message: describe(error) }
      }
    },
    async signIn(user, password) {
      state.value = { kind: 'signedIn', session: await api.signIn(user, password) }
    },
    async signOut() {
      await api.signOut()
      state.value = { kind: 'signedOut', expired: false }
    },
    async changePassword(old, next) {
      await api.changePassword(old, next)
      state.value = { kind: 'signedIn', session: await api.session() }
    },
    expire() {
      if (state.value.kind === 'signedIn') state.value = { kind: 'signedOut', expired: true }
    },
  }
}
