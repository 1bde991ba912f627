/**
 * Makes docs/images/query.png, the screenshot of the README, from the real binary and a real log: npm run screenshot.
 * Its name keeps it out of the tests; playwright.screenshot.config.ts finds it.
 */
import { fileURLToPath } from 'node:url'
import { expect, signIn, test } from './llama'

const image = fileURLToPath(new URL('../../docs/images/query.png', import.meta.url))

test('the query page', async ({ page, llama, log }) => {
  llama.import('sshd', log)
  await signIn(page, llama)
  const query = '_collection:sshd "Failed password" event.outcome:failure'
  await page.goto(`${llama.url}/query?mode=logsql&from=&columns=_time,source.ip,user.name,_msg&q=${encodeURIComponent(query)}`)
  await expect(page.getByRole('slider', { name: /Hits over time/ })).toBeVisible()
  for (const field of ['user.name', 'source.ip']) await page.getByRole('button', { name: `Values of ${field}` }).click()
  await page.getByRole('row').nth(2).hover()
  await expect(page.getByRole('region', { name: 'State of the query' })).toContainText('done')
  await page.screenshot({ path: image })
})
