/**
 * Bounds on what an untrusted file may ask for. Each is far above anything VirNucPro's tools write and
 * small enough that a hostile file ends in a named error, not in a process killed for memory.
 */

/** 512 MiB; 10,000 DNABERT-S rows make a 69 MB pickle, the largest known. */
export const MAX_PICKLE_BYTES = 512 * 2 ** 20
/** One storage per sequence: Broad's parts hold at most 10,000, hand-made ones may hold all of a run. */
export const MAX_MEMBERS = 4_000_000
/** 46 bytes and a name per member. */
export const MAX_DIRECTORY_BYTES = 512 * 2 ** 20
/** Deflated members are inflated whole, so they are bounded; torch never deflates storages. */
export const MAX_INFLATED_BYTES = 2 ** 30
/** Python's own pickler stops near 1,000 levels of recursion. */
export const MAX_MARK_DEPTH = 10_000
/** torch allows 64 dimensions; nothing here has more than 4. */
export const MAX_DIMENSIONS = 64
/** 4 GiB: the largest array one call returns; larger tensors are streamed. */
export const MAX_TENSOR_BYTES = 2 ** 32
/** The bound the safetensors library itself uses. */
export const MAX_SAFETENSORS_HEADER_BYTES = 100_000_000
/** Index files of sharded models are a few hundred kilobytes. */
export const MAX_INDEX_BYTES = 64 * 2 ** 20

/** Whether a value is a size or an offset. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
