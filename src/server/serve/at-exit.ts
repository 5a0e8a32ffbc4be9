const tasks = new Set<() => void>()

/**
 * Runs a synchronous task when this process exits for any reason but SIGKILL; the function it returns cancels that. One
 * listener serves all: with eight servers there would be more than Node expects.
 */
export function atExit(task: () => void): () => void {
  if (tasks.size === 0) process.on('exit', runAll)
  tasks.add(task)
  return () => {
    tasks.delete(task)
    if (tasks.size === 0) process.removeListener('exit', runAll)
  }
}

function runAll(): void {
  for (const task of tasks) {
    try {
      task()
    } catch {
      // What one server leaves must not keep the others from being ended.
    }
  }
}
