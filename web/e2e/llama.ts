/** Starts the real binary on a data directory of its own, with a log imported, and hands tests a page of it. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test as base, expect, type Page } from '@playwright/test'

export const binary = process.env.LLAMA_BINARY ?? fileURLToPath(new URL('../../bin/llama', import.meta.url))
const sharedLog = fileURLToPath(new URL('../../../shared/testdata/auth-logs/security_analytics_auth.log.gz', import.meta.url))
const patienceMs = 20_000

export interface Llama {
  readonly url: string
  readonly data: string
  /** The password of admin: the first one, until a test has changed it. */
  password: string
  import(collection: string, file: string): void
}

/** A password that suits central. */
export const newPassword = 'a llama eats hay at noon'

export const test = base.extend<object, { llama: Llama; log: string }>({
  llama: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'llama-e2e-'))
      const data = path.join(folder, 'data')
      const addresses = ['listen', 'syslog', 'ingest'].flatMap((name) => [`--${name}`, '127.0.0.1:0'])
      const child = spawn(binary, ['up', '--data', data, '--master-key', path.join(folder, 'master.key'), ...addresses])
      const said = record(child)
      try {
        const url = await addressOf(child, data, said)
        const password = readFileSync(path.join(data, 'initial-admin-password'), 'utf8').trim()
        await use({
          url,
          data,
          password,
          import: (collection, file) => {
            execFileSync(binary, ['import', '--data', data, '--collection', collection, file], { stdio: 'pipe' })
          },
        })
      } finally {
        await end(child)
        rmSync(folder, { recursive: true, force: true })
      }
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  log: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      if (existsSync(sharedLog)) return use(sharedLog)
      const folder = mkdtempSync(path.join(tmpdir(), 'llama-log-'))
      const file = path.join(folder, 'auth.log')
      writeFileSync(file, attack())
      await use(file)
      rmSync(folder, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],
})

export { expect }

/** Signs in with the password in force, and changes the first one as the page demands. */
export async function signIn(page: Page, llama: Llama): Promise<void> {
  await page.goto(llama.url)
  await page.getByLabel('User').fill('admin')
  await page.getByLabel('Password').fill(llama.password)
  await page.keyboard.press('Enter')
  if (llama.password !== newPassword) {
    await page.getByLabel('Current password').fill(llama.password)
    await page.getByLabel('New password', { exact: true }).fill(newPassword)
    await page.getByLabel('New password again').fill(newPassword)
    await page.keyboard.press('Enter')
  }
  await expect(page.getByRole('link', { name: 'Query' })).toBeVisible()
  llama.password = newPassword
}

export function record(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer) => (text += chunk.toString())
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

/** The page's address, which the process writes to its data directory once it listens. */
export async function addressOf(child: ChildProcess, data: string, said: () => string): Promise<string> {
  const file = path.join(data, 'listening.json')
  for (const until = Date.now() + patienceMs; Date.now() < until; await new Promise((done) => setTimeout(done, 50))) {
    if (child.exitCode !== null) break
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { page: string }).page
  }
  throw new Error(`llama up does not listen:\n${said()}`)
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await gone
  clearTimeout(timer)
}

/** An auth.log of two days under attack, for where the real one is not at hand. */
function attack(): string {
  const lines: string[] = []
  for (let i = 0; i < 4000; i++) {
    const at = new Date(Date.UTC(2026, 2, 27, 0, 0, i * 40)).toUTCString() // "Fri, 27 Mar 2026 00:00:00 GMT"
    const stamp = `Mar ${String(Number(at.slice(5, 7))).padStart(2)} ${at.slice(17, 25)}`
    const from = `192.0.2.${String(i % 250)} port ${String(1024 + i)} ssh2`
    const what = i % 3 === 0 ? `Invalid user admin${String(i % 7)} from ${from}` : `Failed password for root from ${from}`
    lines.push(`${stamp} gate sshd[${String(1000 + i)}]: ${what}`)
  }
  return `${lines.join('\n')}\n`
}
