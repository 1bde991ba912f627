import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from '@playwright/test'
import { expect, signIn, test } from './llama'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string }[] }[]
}

/** What axe-core finds wrong on the page as it is. */
async function problems(page: Page): Promise<string[]> {
  const { violations } = (await page.evaluate(`${axe}; axe.run()`)) as AxeResult
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`)
}

/** How many pixels the page is wider than the screen. */
function tooWide(page: Page): Promise<number> {
  return page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - window.innerWidth))
}

const places = [
  ['/live', 'Live'],
  ['/asked', 'Queries that were asked'],
  ['/schedules', 'Schedules'],
  ['/targets', 'Targets and their nodes'],
  ['/admin/users', 'Users'],
  ['/admin/groups', 'Groups of targets'],
  ['/admin/tokens', 'Tokens of machines'],
  ['/admin/audit', 'Audit log'],
] as const

for (const theme of ['light', 'dark'] as const) {
  test(`axe finds nothing wrong (${theme})`, async ({ page, llama, log }) => {
    await page.emulateMedia({ colorScheme: theme })
    await page.goto(llama.url)
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
    expect(await problems(page)).toEqual([])
    llama.import('sshd', log)
    await signIn(page, llama)
    await page.goto(`${llama.url}/query?mode=simple&collection=sshd&from=`)
    await expect(page.getByRole('slider', { name: /Hits over time/ })).toBeVisible()
    await expect(page.getByRole('row').nth(3)).toBeVisible()
    expect(await problems(page)).toEqual([])
    await page.getByRole('row').nth(3).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    expect(await problems(page)).toEqual([])
    await page.goto(`${llama.url}/query?mode=logsql&from=&q=${encodeURIComponent('_collection:sshd | stats by (_time:1d) count() n')}`)
    await expect(page.getByRole('figure')).toBeVisible()
    expect(await problems(page)).toEqual([])
    await page.getByRole('link', { name: 'Administration' }).click()
    await expect(page.getByRole('cell', { name: 'admin', exact: true })).toBeVisible()
    expect(await problems(page)).toEqual([])
    await page.getByRole('button', { name: 'Add a user' }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    expect(await problems(page)).toEqual([])
    await page.keyboard.press('Escape')
    for (const [path, heading] of places) {
      await page.goto(`${llama.url}${path}`)
      await expect(page.getByRole('heading', { name: heading }).first()).toBeVisible()
      expect(await problems(page)).toEqual([])
    }
    await page.getByRole('link', { name: 'Schedules' }).click()
    await page.getByRole('button', { name: 'Add a schedule' }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    expect(await problems(page)).toEqual([])
  })
}

test('nothing is wider than a phone', async ({ page, llama, log }) => {
  llama.import('sshd', log)
  await page.setViewportSize({ width: 390, height: 844 })
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=logsql&from=&q=_collection%3Asshd`)
  await expect(page.getByRole('row').nth(3)).toBeVisible()
  expect(await tooWide(page)).toBe(0)
  for (const [path, heading] of places) {
    await page.goto(`${llama.url}${path}`)
    await expect(page.getByRole('heading', { name: heading }).first()).toBeVisible()
    expect(await tooWide(page), path).toBe(0)
    await expect(page.getByRole('button', { name: /^Account/ })).toBeInViewport()
  }
})

test('the page breaks no rule of its content security policy', async ({ page, llama, log }) => {
  const broken: string[] = []
  await page.exposeFunction('broken', (what: string) => broken.push(what))
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => {
      ;(window as unknown as { broken: (what: string) => void }).broken(`${e.effectiveDirective} ${e.blockedURI}`)
    })
  })
  llama.import('sshd', log)
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=logsql&from=&q=*`)
  const editor = page.getByRole('textbox', { name: 'LogsQL query' })
  await editor.press('Control+Space')
  await expect(page.getByRole('listbox', { name: 'Completions' })).toBeVisible()
  await page.keyboard.press('Escape')
  for (const button of [/^Targets/, /^Time range/, 'Recent', 'Export', /^Account/, /^Help/]) {
    await page.getByRole('button', { name: button }).click()
    await expect(page.locator('[role=dialog], [role=menu]')).toBeVisible()
    await page.keyboard.press('Escape')
    await expect(page.locator('[role=dialog], [role=menu]')).toBeHidden()
  }
  await page.getByRole('row').nth(3).click()
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await page.getByRole('tab', { name: 'Simple' }).click()
  await page.getByLabel('Collection', { exact: true }).click()
  await expect(page.getByRole('option', { name: /sshd/ })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Live' }).click()
  await expect(page.getByText('Waiting for events')).toBeVisible()
  expect(broken).toEqual([])
})
