/** What is made of something open; closes it where that fails. */
export async function orClose<T>(opened: { close(): unknown }, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (error) {
    await opened.close()
    throw error
  }
}
