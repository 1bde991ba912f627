import { readFileSync, writeFileSync } from 'node:fs'
import { expect, newPassword, signIn, test } from './llama'

test.describe.configure({ mode: 'serial' })

test('a newcomer signs in and changes the first password', async ({ page, llama }) => {
  await page.goto(llama.url)
  await expect(page.getByText('initial-admin-password')).toBeVisible()
  await page.getByLabel('User').fill('admin')
  await page.getByLabel('Password').fill('not this one')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('alert')).toBeVisible()

  await signIn(page, llama)
  await expect(page.getByText('No logs yet')).toBeVisible()

  await page.getByRole('button', { name: 'Account: admin' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('User').fill('admin')
  await page.getByLabel('Password').fill(newPassword)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('link', { name: 'Query' })).toBeVisible()
})

test('imports a log, finds its collection and asks in simple mode', async ({ page, llama, log }) => {
  llama.import('sshd', log)
  await signIn(page, llama)
  await page.getByRole('button', { name: /^sshd/ }).click()
  const results = page.getByRole('grid', { name: 'Results' })
  await expect(results.getByRole('row').nth(5)).toBeVisible()

  await page.keyboard.press('/')
  await page.keyboard.type('Failed password')
  await page.keyboard.press('Enter')
  await expect(page.getByLabel('The query in LogsQL')).toHaveText('_collection:sshd "Failed password" | limit 1000')
  await expect(results.getByRole('row').nth(1)).toContainText('Failed password')
  await expect(page.getByRole('region', { name: 'State of the query' })).toContainText('done')
})

test('asks in LogsQL, and is told where a query is wrong', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.getByRole('tab', { name: 'LogsQL' }).click()
  const editor = page.getByRole('textbox', { name: 'LogsQL query' })
  await editor.focus()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('_collection:sshd | statz count() n')
  await page.keyboard.press('Escape') // the list of completions
  await page.keyboard.press('Control+Enter')
  await expect(page.getByRole('alert').filter({ hasText: 'statz' })).toBeVisible()
  await expect(editor.locator('.ll-error')).toHaveText('statz')

  await page.getByRole('button', { name: /Time range/ }).click()
  await page.getByRole('button', { name: 'All time' }).click()
  await editor.focus()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('_collection:sshd "Failed password" | stats by (_time:1d) count() n')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+Enter')
  await expect(page.getByRole('columnheader')).toHaveText(['_time', 'n'])
  await expect(page.getByRole('figure', { name: 'Chart of the result' })).toBeVisible()
})

test('zooms in the histogram by mouse and by keyboard, and goes back', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=simple&collection=sshd&from=`)
  const histogram = page.getByRole('slider', { name: /Hits over time/ })
  await expect(histogram).toBeVisible()
  const box = await histogram.boundingBox()
  if (!box) throw new Error('the histogram has no place')
  await page.mouse.move(box.x + box.width * 0.3, box.y + 40)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40, { steps: 5 })
  await page.mouse.up()
  await expect(page).toHaveURL(/from=\d{4}-.*to=\d{4}-/)
  const zoomed = page.url()

  await expect(page.getByRole('region', { name: 'Histogram' })).toContainText(/[1-9][\d,]* hits?/)
  await histogram.focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await expect(page).not.toHaveURL(zoomed)
  await page.goBack()
  await expect(page).toHaveURL(zoomed)
})

test('asks for a range of time, absolute and relative', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=simple&collection=sshd&from=`)
  const results = page.getByRole('grid', { name: 'Results' })
  const newest = results.getByRole('row').nth(1).getByRole('gridcell').first()
  const day = (await newest.innerText()).slice(0, 10)

  await page.getByRole('button', { name: /Time range/ }).click()
  await page.getByLabel('From', { exact: true }).fill('yesterday')
  await expect(page.getByRole('alert').filter({ hasText: 'From is no time' })).toBeVisible()
  await page.getByLabel('From', { exact: true }).fill(day)
  await page.getByLabel('To', { exact: true }).fill(`${day} 23:59:59`)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('button', { name: `Time range: ${day} 00:00:00 – ${day} 23:59:59` })).toBeVisible()
  await page.getByRole('button', { name: 'Run' }).click()
  await results.focus()
  await page.keyboard.press('End')
  await expect(results.getByRole('row').last()).toContainText(day)

  await page.getByRole('button', { name: /Time range/ }).click()
  await page.getByRole('button', { name: 'Last 5 minutes' }).click()
  await page.getByRole('button', { name: 'Run' }).click()
  await expect(page.getByText('Nothing found')).toBeVisible()
  await page.getByRole('button', { name: 'Search all time' }).click()
  await expect(newest).toContainText(day)
})

test('opens an event by keyboard, and filters by what it holds', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=simple&collection=sshd&text=Failed+password&from=`)
  const results = page.getByRole('grid', { name: 'Results' })
  await expect(results.getByRole('row').nth(3)).toBeVisible()
  // Buttons take Enter also while there are results.
  await page.getByRole('button', { name: /^Time range/ }).press('Enter')
  await expect(page.getByRole('button', { name: 'Last 7 days' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: 'Last 7 days' })).toBeHidden()
  await page.keyboard.press('j')
  await expect(results).toBeFocused()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  const event = page.getByRole('dialog')
  await expect(event).toContainText('Failed password')
  await page.keyboard.press('Escape')
  await expect(event).toBeHidden()
  await expect(results).toBeFocused()
  await page.keyboard.press('Enter')
  await event.getByRole('tab', { name: 'JSON' }).click()
  await expect(event.locator('pre')).toContainText('"_msg"')
  await event.getByRole('tab', { name: 'Fields' }).click()
  await event.getByRole('button', { name: 'Only where user.name has this value' }).click()
  await expect(event).toBeHidden()
  await expect(page.getByLabel('The query in LogsQL')).toContainText('user.name:="')
  await expect(page.getByRole('region', { name: 'State of the query' })).toContainText('done')
})

test('exports what was found', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=logsql&from=&limit=100&q=${encodeURIComponent('_collection:sshd Failed | fields _time, user.name')}`)
  for (const [label, first] of [['JSON (one object a line)', /^\{"_time":"/], ['CSV', /^_time,user\.name/]] as const) {
    await page.getByRole('button', { name: 'Export' }).click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: label }).click()])
    const text = readFileSync(await download.path(), 'utf8')
    expect(text).toMatch(first)
    expect(text.trim().split('\n').length).toBeGreaterThanOrEqual(100)
  }
})

test('a link asks the same again', async ({ page, llama, context }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=simple&collection=sshd&text=Failed&from=`)
  await page.getByRole('button', { name: 'Column user.name' }).click()
  await expect(page).toHaveURL(/columns=/)
  const other = await context.newPage()
  await other.goto(page.url())
  await expect(other.getByRole('columnheader', { name: 'user.name' })).toBeVisible()
  await expect(other.getByLabel('Text')).toHaveValue('Failed')
  await expect(other.getByRole('grid', { name: 'Results' }).getByRole('row').nth(1)).toContainText('Failed')
})

test('an unknown collection is said with names near to it', async ({ page, llama }) => {
  await signIn(page, llama)
  await page.goto(`${llama.url}/query?mode=logsql&from=&q=_collection%3Asshdd`)
  await expect(page.getByRole('main')).toContainText(/sshdd.*sshd/)
})

test('cancels what takes long', async ({ page, llama }, info) => {
  const file = info.outputPath('long.log')
  const lines = Array.from({ length: 400_000 }, (_, i) => `request ${String(i)} of /${((i * 2654435761) >>> 0).toString(36)} took ${String(i % 977)} ms`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  llama.import('long', file)
  await signIn(page, llama)
  const slow = Array.from({ length: 12 }, (_, i) => `| extract_regexp "(?P<a${String(i)}>.*)[aeiou](?P<b${String(i)}>.*)[0-9](?P<c${String(i)}>.*)"`)
  const query = `_collection:long ${slow.join(' ')} | stats by (a1, b7) count() n`
  await page.goto(`${llama.url}/query?mode=logsql&from=&q=${encodeURIComponent(query)}`)
  const state = page.getByRole('region', { name: 'State of the query' })
  await expect(state).toContainText('running')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(state).toContainText('cancelled')
  await expect(page.getByRole('button', { name: 'Run' })).toBeVisible()
})

test('shows events live', async ({ page, llama, log }) => {
  await signIn(page, llama)
  await page.getByRole('link', { name: 'Live' }).click()
  const newest = page.getByRole('list', { name: 'Events, the newest first' }).getByRole('listitem').first()
  let times = 0
  await expect(async () => {
    llama.import(`again-${String(++times)}`, log) // the first may come before the node follows
    await expect(newest).toContainText('again', { timeout: 3000 })
  }).toPass()
  await page.getByRole('button', { name: 'Pause' }).click()
  await expect(page.getByText(/paused/)).toBeVisible()
})
