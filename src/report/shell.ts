import { html, Markup } from './html.ts'
import style from './style.css' with { type: 'text' }

export interface PageParts {
  /** Of the window, and of a bookmark. */
  title: string
  /** Of the program that wrote it. */
  version: string
  header: Markup
  main: Markup
  footer: Markup
  /** What the policy of the page allows to run, as a source of `script-src`; undefined for a page without a script. */
  script?: string
}

/** A whole page that asks for nothing: the look is in it, and its policy forbids the rest. */
export function page({ title, version, header, main, footer, script }: PageParts): string {
  const scripts = script === undefined ? '' : ` script-src ${script};`
  return `${html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';${new Markup(scripts)} img-src data:; base-uri 'none'; form-action 'none'">
<meta name="generator" content="virnucpro ${version}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<header>
${header}
</header>
<main>
${main}
</main>
<footer class="soft">${footer}</footer>
</body>
</html>`}\n`
}
