import type { Caller } from './call'
import type { FirstPassword, Grant, Group, MachineToken, MadeToken, User } from './types'

/** What administrators ask of central. */
export interface AdminApi {
  users(signal?: AbortSignal): Promise<readonly User[]>
  addUser(name: string, grants: readonly Grant[]): Promise<FirstPassword>
  changeUser(name: string, grants: readonly Grant[]): Promise<User>
  resetPassword(name: string): Promise<FirstPassword>
  removeUser(name: string): Promise<void>
  groups(signal?: AbortSignal): Promise<readonly Group[]>
  putGroup(name: string, targets: readonly string[]): Promise<void>
  removeGroup(name: string): Promise<void>
  tokens(signal?: AbortSignal): Promise<readonly MachineToken[]>
  /** Makes a token; expires is a time, or one from now as "+90d". */
  addToken(name: string, grants: readonly Grant[], expires: string): Promise<MadeToken>
  removeToken(name: string): Promise<void>
}

export function createAdmin({ call, json, list }: Caller): AdminApi {
  return {
    users: (signal) => list('/users', 'users', signal),
    addUser: (name, grants) => json('POST', '/users', { name, grants }),
    changeUser: (name, grants) => json('PATCH', `/users/${encodeURIComponent(name)}`, { grants }),
    resetPassword: (name) => json('POST', `/users/${encodeURIComponent(name)}/password`, {}),
    removeUser: async (name) => void (await call('DELETE', `/users/${encodeURIComponent(name)}`)),
    groups: (signal) => list('/target-groups', 'groups', signal),
    putGroup: async (name, targets) => void (await call('PUT', `/target-groups/${encodeURIComponent(name)}`, { targets })),
    removeGroup: async (name) => void (await call('DELETE', `/target-groups/${encodeURIComponent(name)}`)),
    tokens: (signal) => list('/tokens', 'tokens', signal),
    addToken: (name, grants, expires) => json('POST', '/tokens', { name, grants, expires }),
    removeToken: async (name) => void (await call('DELETE', `/tokens/${encodeURIComponent(name)}`)),
  }
}
