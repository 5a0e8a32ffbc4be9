export * from '../../scripts/support/terminal.ts'
