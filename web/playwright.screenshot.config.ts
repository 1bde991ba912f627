import { defineConfig } from '@playwright/test'
import tests from './playwright.config'

export default defineConfig({ ...tests, testMatch: 'screenshot.ts', use: { ...tests.use, viewport: { width: 1200, height: 720 }, deviceScaleFactor: 1.25 } })
