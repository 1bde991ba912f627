import { ref, type Ref } from 'vue'
import type { Zone } from './time'

const key = 'llama-zone'

/** The zone times are shown and read in, kept in this browser. */
export function useZone(): { zone: Readonly<Ref<Zone>>; setZone: (zone: Zone) => void } {
  const zone = ref<Zone>(localStorage.getItem(key) === 'utc' ? 'utc' : 'local')
  return {
    zone,
    setZone: (next) => {
      zone.value = next
      localStorage.setItem(key, next)
    },
  }
}
