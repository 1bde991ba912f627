/** A refusal or a failure of the API, as RFC 9457 tells it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Where in the query it is wrong, in characters from 1. */
    readonly column?: number,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly code?: string
  readonly column?: number
  readonly errors?: readonly { readonly message?: string; readonly location?: string }[]
}

/** Reads why a response is not what was asked for. */
export async function problemOf(response: Response): Promise<ApiError> {
  const body = await response.text()
  try {
    const problem = JSON.parse(body) as Problem
    // "body.name" is where central found it; who filled in a form knows the name alone.
    const places = (problem.errors ?? []).map((e) => [e.location?.replace(/^\w+\./, ''), e.message].filter(Boolean).join(': '))
    const message = places.length > 0 ? places.join('; ') : (problem.detail ?? problem.title ?? response.statusText)
    return new ApiError(response.status, problem.code ?? '', message, problem.column)
  } catch {
    return new ApiError(response.status, '', `The server answered ${String(response.status)} ${response.statusText}.`)
  }
}

/** Says to a person what went wrong. */
export function describe(error: unknown): string {
  if (error instanceof ApiError) return error.message
  if (error instanceof TypeError) return 'Central cannot be reached. Is it running?'
  return error instanceof Error ? error.message : String(error)
}
