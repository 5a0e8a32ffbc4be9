/** Colours of drawn pictures, for pages with a light and with a dark ground. */
export const SCHEMES = ['light', 'dark'] as const
export type Scheme = (typeof SCHEMES)[number]

export const COLOURS = {
  light: {
    paper: '#ffffff',
    card: '#f6f7f9',
    edge: '#8a93a3',
    ink: '#1b1f27',
    soft: '#525b6b',
    accent: '#2f6db5',
  },
  dark: {
    paper: '#13161b',
    card: '#1c2028',
    edge: '#5d6675',
    ink: '#e8ebf0',
    soft: '#a9b2c0',
    accent: '#6aa9ef',
  },
} as const satisfies Record<Scheme, Record<string, string>>

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
