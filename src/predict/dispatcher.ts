import { Dispatcher, type DispatcherOptions } from '../dispatch/index.ts'

/** Makes one dispatcher for all windows, when it is first asked for and the backend can compute. */
export function dispatcherWhenReady(
  options: DispatcherOptions & { backend: { ready(): Promise<void> } },
): () => Promise<Dispatcher> {
  let made: Promise<Dispatcher> | undefined
  return () => {
    made ??= options.backend.ready().then(() => new Dispatcher(options))
    return made
  }
}
