import type { Caller } from './call'
import type { EnrolmentCode, MadeCode, NewCode } from './types'

/** What is asked of central about the nodes it has, and those to come. */
export interface FleetApi {
  codes(signal?: AbortSignal): Promise<readonly EnrolmentCode[]>
  /** Makes a code by which nodes join a target, which is made if there is none. */
  addCode(code: NewCode): Promise<MadeCode>
  removeCode(id: string): Promise<void>
  /** Shuts a node out for good. */
  revokeNode(id: string): Promise<void>
}

export function createFleet({ call, json, list }: Caller): FleetApi {
  return {
    codes: (signal) => list('/enrolments', 'enrolments', signal),
    addCode: (code) => json('POST', '/enrolments', code),
    removeCode: async (id) => void (await call('DELETE', `/enrolments/${encodeURIComponent(id)}`)),
    revokeNode: async (id) => void (await call('DELETE', `/nodes/${encodeURIComponent(id)}`)),
  }
}
