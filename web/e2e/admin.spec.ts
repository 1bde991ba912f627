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
  // A viewer looks at what others asked, and has no button that would be refused.
  await expect(other.getByRole('heading', { name: 'Queries that were asked' })).toBeVisible()
  for (const page of ['Query', 'Live', 'Administration']) await expect(other.getByRole('link', { name: page, exact: true })).toBeHidden()
  await other.getByRole('link', { name: 'Schedules' }).click()
  await expect(other.getByText('Nothing repeats yet')).toBeVisible()
  await expect(other.getByRole('button', { name: 'Add a schedule' })).toBeHidden()

  // Removed, she is out with her next click.
  await page.getByRole('button', { name: 'Remove ana' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByRole('row', { name: /^ana/ })).toBeHidden()
  await other.getByRole('link', { name: 'Targets' }).click()
  await other.reload()
  await expect(other.getByRole('button', { name: 'Sign in' })).toBeVisible()
})
