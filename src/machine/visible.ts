/** A device as CUDA_VISIBLE_DEVICES may name it. */
interface Device {
  /** `GPU-…` or `MIG-…`. */
  uuid: string
  /** The GPU that a MIG instance is a part of. */
  parent?: string
}

/**
 * The devices that CUDA lets a process see, in its order. As CUDA does, the list is read up to the first entry that is no
 * device, numbers and UUIDs are not mixed, a device that is named twice makes none visible, and the start of a UUID is
 * enough where only one device has it. A GPU that is divided stands for its first instance.
 *
 * Source: CUDA C++ Programming Guide, environment variables; `_parse_visible_devices` of PyTorch, which was tried out.
 *
 * @param value of CUDA_VISIBLE_DEVICES; undefined for all
 * @param gpus UUIDs of the GPUs by number
 * @param devices what can compute: whole GPUs, and instances of those that are divided
 */
export function visibleDevices<Each extends Device>(
  value: string | undefined,
  gpus: readonly string[],
  devices: readonly Each[],
): Each[] {
  if (value === undefined) return [...devices]
  const on = (gpu: string | undefined) =>
    gpu === undefined ? undefined : devices.find(({ uuid, parent }) => uuid === gpu || parent === gpu)
  const find = finder(value, gpus, devices, on)
  const found: Each[] = []
  for (const entry of value.split(',')) {
    const device = find(entry.trim())
    if (device === undefined) break
    if (found.includes(device)) return []
    found.push(device)
  }
  return found
}

function finder<Each extends Device>(
  value: string,
  gpus: readonly string[],
  devices: readonly Each[],
  on: (gpu: string | undefined) => Each | undefined,
): (entry: string) => Each | undefined {
  const [prefix] = /^\s*(GPU-|MIG-)/.exec(value) ?? []
  if (prefix === undefined)
    return (entry) => (/^\+?\d/.test(entry) ? on(gpus[Number.parseInt(entry, 10)]) : undefined)
  const kind = prefix.trim()
  const whole = kind === 'GPU-' ? gpus : devices.map(({ uuid }) => uuid)
  return (entry) => {
    if (!entry.startsWith(kind)) return undefined
    const [first, second] = whole.filter((uuid) => uuid.startsWith(entry))
    return second === undefined ? on(first) : undefined
  }
}
