/** Streaming multiprocessors by the names that `nvidia-smi` gives, which does not print them. */
const MULTIPROCESSORS: readonly (readonly [RegExp, number])[] = [
  [/^NVIDIA B200$/, 148],
  [/^NVIDIA (H200( NVL)?|H100 80GB HBM3|H100 NVL|GH200 .*)$/, 132],
  [/^NVIDIA H100 PCIe$/, 114],
  [/^NVIDIA A100[ -].*$/, 108],
  [/^NVIDIA A30$/, 56],
  [/^NVIDIA (A40|RTX A6000)$/, 84],
  [/^NVIDIA A10$/, 72],
  [/^NVIDIA (L40S?|RTX 6000 Ada Generation)$/, 142],
  [/^NVIDIA L4$/, 58],
  [/^Tesla T4$/, 40],
  [/^NVIDIA GeForce RTX 5090$/, 170],
  [/^NVIDIA GeForce RTX 4090$/, 128],
  [/^NVIDIA GeForce RTX 3090$/, 82],
]

/** How many multiprocessors a GPU of this name has; undefined where that is not known, and for parts of one. */
export function multiprocessorsOf(name: string): number | undefined {
  if (/\bMIG\b/.test(name)) return undefined
  return MULTIPROCESSORS.find(([names]) => names.test(name))?.[1]
}
