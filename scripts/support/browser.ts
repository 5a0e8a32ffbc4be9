import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isInstalled } from './installed.ts'

/** A real Chromium without a window, made by scripts/test-browser.sh. */
export const browser =
  process.env.VIRNUCPRO_TEST_BROWSER ?? resolve(import.meta.dir, '../../.cache/browser/browser')

/** True where that browser is present. */
export const hasBrowser = isInstalled(browser, 'scripts/test-browser.sh')

export interface View {
  width: number
  height?: number
  scheme?: 'light' | 'dark'
  /** As on paper, but on the screen. */
  media?: 'print'
}

/** A page in the browser, spoken to over the DevTools protocol. */
export interface BrowserPage extends AsyncDisposable {
  /** Loads a file and waits until all of it is there. */
  open(path: string): Promise<void>
  view(view: View): Promise<void>
  /** Value of an expression in the page; a promise is waited for. */
  evaluate<T>(expression: string): Promise<T>
  /** A key of the keyboard, such as `Tab` or `Enter`. */
  press(key: 'Tab' | 'Enter' | 'Space'): Promise<void>
  /** Types into what has the focus. */
  type(text: string): Promise<void>
  /** The whole page as PNG, or what lies inside the first element of a selector. */
  screenshot(selector?: string): Promise<Uint8Array>
  pdf(): Promise<Uint8Array>
  /** Errors and warnings of the console, of the page and of loading, so far. */
  readonly faults: readonly string[]
  /** Addresses asked for so far. */
  readonly requests: readonly string[]
}

type Params = Record<string, unknown>

/** Starts the browser with one empty page: `await using page = await openBrowser()`. */
export async function openBrowser(): Promise<BrowserPage> {
  const profile = mkdtempSync(join(tmpdir(), 'virnucpro-browser-'))
  const child = Bun.spawn(
    [
      browser,
      // Its sandbox needs rights that containers do not give; it only sees files that we wrote.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
      '--force-color-profile=srgb',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
  )
  const end = async () => {
    child.kill('SIGKILL')
    await child.exited
    await rm(profile, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const port = await debuggingPort(child.stderr)
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      type: string
      webSocketDebuggerUrl: string
    }[]
    const target = targets.find(({ type }) => type === 'page')
    if (target === undefined) throw new Error('the browser has no page')
    return await Page.connect(target.webSocketDebuggerUrl, end)
  } catch (error) {
    await end()
    throw error
  }
}

async function debuggingPort(stderr: Bun.ReadableSubprocess['stderr']): Promise<string> {
  let text = ''
  for await (const piece of stderr.pipeThrough(new TextDecoderStream())) {
    text += piece
    const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(text)?.[1]
    if (port !== undefined) return port
  }
  throw new Error(`the browser did not start:\n${text}`)
}

class Page implements BrowserPage {
  readonly faults: string[] = []
  readonly requests: string[] = []
  readonly #socket: WebSocket
  readonly #end: () => Promise<void>
  readonly #answers = new Map<number, PromiseWithResolvers<Params>>()
  #last = 0
  #loaded = Promise.withResolvers<void>()

  private constructor(socket: WebSocket, end: () => Promise<void>) {
    this.#socket = socket
    this.#end = end
    socket.onmessage = ({ data }) => this.#take(JSON.parse(String(data)))
  }

  static async connect(url: string, end: () => Promise<void>): Promise<Page> {
    const socket = new WebSocket(url)
    await new Promise((open, fail) => {
      socket.onopen = open
      socket.onerror = fail
    })
    const page = new Page(socket, end)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.#send(`${domain}.enable`)
    return page
  }

  #take({ id, method, params = {}, result, error }: Params & { id?: number; params?: Params }): void {
    if (id !== undefined) {
      const answer = this.#answers.get(id)
      this.#answers.delete(id)
      if (error !== undefined) answer?.reject(new Error(JSON.stringify(error)))
      else answer?.resolve(result as Params)
    }
    if (method === 'Page.loadEventFired') this.#loaded.resolve()
    if (method === 'Network.requestWillBeSent') this.requests.push((params.request as { url: string }).url)
    if (
      method === 'Log.entryAdded' ||
      method === 'Runtime.consoleAPICalled' ||
      method === 'Runtime.exceptionThrown' ||
      method === 'Network.loadingFailed'
    )
      this.faults.push(JSON.stringify(params))
  }

  async #send(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.#last
    const answer = Promise.withResolvers<Params>()
    this.#answers.set(id, answer)
    this.#socket.send(JSON.stringify({ id, method, params }))
    return await answer.promise
  }

  async open(path: string): Promise<void> {
    this.#loaded = Promise.withResolvers()
    const { errorText } = await this.#send('Page.navigate', { url: pathToFileURL(resolve(path)).href })
    if (errorText !== undefined) throw new Error(`${path}: ${errorText}`)
    await this.#loaded.promise
  }

  async view({ width, height = 900, scheme = 'light', media }: View): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    })
    await this.#send('Emulation.setEmulatedMedia', {
      media: media ?? '',
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    })
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }

  async press(key: 'Tab' | 'Enter' | 'Space'): Promise<void> {
    const [code, text] = { Tab: [9, ''], Enter: [13, '\r'], Space: [32, ' '] }[key] as [number, string]
    const event = { key: key === 'Space' ? ' ' : key, code: key, windowsVirtualKeyCode: code }
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', text, ...event })
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
  }

  async type(text: string): Promise<void> {
    await this.#send('Input.insertText', { text })
  }

  async screenshot(selector = 'html'): Promise<Uint8Array> {
    const clip = await this.evaluate<{ x: number; y: number; width: number; height: number }>(
      `(() => { const { x, y, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect()
        return { x: x + scrollX, y: y + scrollY, width, height } })()`,
    )
    const { data } = await this.#send('Page.captureScreenshot', {
      captureBeyondViewport: true,
      clip: { ...clip, scale: 1 },
    })
    return Buffer.from(data as string, 'base64')
  }

  async pdf(): Promise<Uint8Array> {
    const { data } = await this.#send('Page.printToPDF', {
      printBackground: true,
      preferCSSPageSize: true,
      paperWidth: 8.27,
      paperHeight: 11.69,
    })
    return Buffer.from(data as string, 'base64')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await this.#end()
  }
}
