import { expect, signIn, test } from './llama'

test('an administrator adds a user, who signs in and may do no more than was granted', async ({ page, browser, llama }) => {
  await signIn(page, llama)
  await page.getByRole('link', { name: 'Administration' }).click()
  await page.getByRole('button', { name: 'Add a user' }).click()
  await page.getByLabel('Name').fill('ana')
  await page.getByLabel('Role', { exact: true }).selectOption('viewer')
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  const password = (await page.getByRole('dialog').locator('code').textContent()) ?? ''
  await page.getByRole('button', { name: 'Done' }).click()
  await expect(page.getByRole('row', { name: /^ana/ })).toContainText('viewer on all targets')

  const other = await (await browser.newContext()).newPage()
  await other.goto(llama.url)
  await other.getByLabel('User').fill('ana')
  await other.getByLabel('Password').fill(password)
  await other.keyboard.press('Enter')
  await other.getByLabel('Current password').fill(password)
  await other.getByLabel('New password', { exact: true }).fill('hay is for the winter')
  await other.getByLabel('New password again').fill('hay is for the winter')
  await other.keyboard.press('Enter')
  await expect(other.getByRole('link', { name: 'Query' })).toBeVisible()
  await expect(other.getByRole('link', { name: 'Administration' })).toBeHidden()

  // Removed, she is out with her next click.
  await page.getByRole('button', { name: 'Remove ana' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByRole('row', { name: /^ana/ })).toBeHidden()
  await other.getByRole('link', { name: 'Live' }).click()
  await other.reload()
  await expect(other.getByRole('button', { name: 'Sign in' })).toBeVisible()
})
