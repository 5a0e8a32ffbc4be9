const tasks = new Set<() => void>()

/**
 * Has something done when this process exits, by whatever but SIGKILL; what it is must not wait for anything. Call the
 * result when it is no longer needed. One listener serves all: with eight servers there would be more than Node expects.
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
