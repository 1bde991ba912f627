import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { addressOf, binary, end, expect, record, signIn, test, type Llama } from './llama'

/** Central in a process of its own, and nodes that join it. */
class Sites {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'llama-sites-'))
  readonly running = new Map<string, ChildProcess>()
  llama: Llama | undefined

  private configure(name: string, more: string): string {
    const file = path.join(this.folder, `${name}.yaml`)
    writeFileSync(file, `data: ${this.folder}/${name}\nmaster_key: ${this.folder}/${name}.key\nlog: {level: warn}\n${more}`)
    return file
  }
  private run(...args: string[]): string {
    return execFileSync(binary, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
  private async start(role: 'central' | 'node', name: string, file: string): Promise<string> {
    const child = spawn(binary, [role, '-c', file])
    this.running.set(name, child)
    return addressOf(child, path.join(this.folder, name), record(child))
  }
  async central(): Promise<Llama> {
    const data = path.join(this.folder, 'central')
    const url = await this.start('central', 'central', this.configure('central', 'central: {listen: "127.0.0.1:0"}\n'))
    const password = readFileSync(path.join(data, 'initial-admin-password'), 'utf8').trim()
    this.llama = { url, data, password, import: () => undefined }
    return this.llama
  }
  async node(name: string, code: string, lines: string): Promise<void> {
    const file = this.configure(name, 'node: {syslog: "", ingest: "127.0.0.1:0"}\n')
    this.run('node', 'join', this.llama?.url ?? '', '-c', file, '--code', code)
    await this.start('node', name, file)
    const log = path.join(this.folder, `${name}.log`)
    writeFileSync(log, lines)
    await expect(() => this.run('import', '-q', '--collection', 'shop', '--data', path.join(this.folder, name), log)).toPass()
  }
  async again(name: string): Promise<void> {
    rmSync(path.join(this.folder, name, 'listening.json'), { force: true })
    await this.start('node', name, path.join(this.folder, `${name}.yaml`))
  }
  async stop(name: string): Promise<void> {
    const child = this.running.get(name)
    if (child) await end(child)
  }
  async close(): Promise<void> {
    for (const child of this.running.values()) await end(child)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

test('two sites, of which one is away: what is there is shown, and what is missing is said', async ({ page }) => {
  test.setTimeout(120_000)
  const sites = new Sites()
  try {
    const llama = await sites.central()
    await signIn(page, llama)
    for (const name of ['brno', 'porto']) {
      await page.getByRole('link', { name: 'Targets', exact: true }).click()
      await page.getByRole('button', { name: 'Let a node join' }).click()
      await page.getByRole('textbox', { name: 'Target' }).fill(name)
      await page.getByRole('button', { name: 'Make a code' }).click()
      const code = (await page.getByRole('dialog').locator('code').textContent()) ?? ''
      await page.getByRole('button', { name: 'Done' }).click()
      await sites.node(name, code, `{"_msg":"sold at ${name}","site":"${name}"}\n`)
      await expect(page.getByRole('row', { name: new RegExp(name) }).first()).toContainText('online', { timeout: 20_000 })
    }
    await sites.stop('porto')
    await expect(page.getByRole('row', { name: /porto/ }).first()).toContainText('offline', { timeout: 30_000 })

    await page.goto(`${llama.url}/query?mode=logsql&from=&q=${encodeURIComponent('_collection:shop | fields site')}`)
    const strip = page.getByRole('region', { name: 'State of the query' })
    await expect(strip.getByRole('list', { name: 'Targets' })).toContainText('brnodone')
    await expect(strip.getByRole('list', { name: 'Targets' })).toContainText('portoqueued: waits for the site to be online')
    await expect(page.getByRole('grid', { name: 'Results' }).getByRole('row')).toHaveCount(2) // its head, and brno's

    // An aggregate stands on the one that is there, says so, and is whole when the other is back, here and as a result opened elsewhere.
    await page.goto(`${llama.url}/query?mode=logsql&from=&q=${encodeURIComponent('_collection:shop | stats count() n, uniq_values(site) sites')}`)
    await expect(strip.getByRole('list', { name: 'Targets' })).toContainText('portoqueued')
    const results = page.getByRole('grid', { name: 'Results' })
    await expect(results.getByRole('gridcell').first()).toHaveText('1')
    // Who reloads goes on with it: it is not asked again, and not left behind to wait for porto.
    await page.reload()
    await expect(strip.getByRole('list', { name: 'Targets' })).toContainText('portoqueued')
    await expect(results.getByRole('gridcell').first()).toHaveText('1')
    const other = await page.context().newPage()
    await other.goto(`${llama.url}/asked`)
    await other.getByRole('link', { name: /^Open the result of .*uniq_values/ }).click() // there is one
    await expect(other.getByRole('list', { name: 'Targets' })).toContainText('portoqueued: waits for the site to be online')
    await expect(other.getByRole('list', { name: 'Targets' })).toContainText('brnodone')
    await expect(other.getByRole('button', { name: 'Cancel' })).toBeVisible()
    await sites.again('porto')
    for (const one of [page, other]) {
      await expect(one.getByRole('list', { name: 'Targets' })).toContainText('portodone', { timeout: 30_000 })
      await expect(one.getByRole('region', { name: 'State of the query' }).getByRole('status')).toHaveText('done')
      await expect(one.getByRole('grid', { name: 'Results' }).getByRole('gridcell')).toHaveText(['2', /brno.*porto/])
    }
    await expect(other.getByRole('button', { name: 'Cancel' })).toBeHidden()
    await other.close()

    await page.getByRole('link', { name: 'Schedules' }).click()
    await page.getByRole('button', { name: 'Add a schedule' }).click()
    await page.getByLabel('Name').fill('Sales')
    await page.getByLabel('Query in LogsQL').fill('_collection:shop | stats by (site) count() n')
    await page.getByRole('button', { name: /^Targets: All/ }).click()
    await page.getByRole('checkbox', { name: /brno/ }).check()
    await page.keyboard.press('Escape')
    await page.getByLabel('Time range').selectOption('range')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'Run Sales now' }).click()
    await page.getByRole('button', { name: 'Runs of Sales' }).click()
    await page.getByRole('link', { name: 'Open the result' }).click({ timeout: 20_000 })
    await expect(page.getByRole('grid', { name: 'Results' })).toContainText('brno')

    await page.getByRole('link', { name: 'Administration' }).click()
    await page.getByRole('link', { name: 'Audit' }).click()
    await expect(page.getByRole('row', { name: /run-schedule/ })).toContainText('success')
  } finally {
    await sites.close()
  }
})
