export * from '../../scripts/support/browser.ts'
