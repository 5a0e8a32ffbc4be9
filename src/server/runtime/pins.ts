import { DEFAULT_IMAGE_TAG } from '../serve/index.ts'

/** An environment of pinned packages: a Triton server with its Python backend, and TensorRT for some kinds of GPUs. */
export interface Pin {
  /** Of its folder in the home; names the versions. */
  readonly name: string
  readonly triton: string
  readonly tensorrt: string
  /** Compute capabilities of GPUs that this TensorRT is for. */
  readonly capabilities: { readonly first: number; readonly last: number }
  /** The server, whose wheel holds its Python backend for several Pythons. */
  readonly server: string
  /** What the server's Python has; a builder of plans, too. */
  readonly packages: readonly string[]
  /** What is installed as well for layers in FP8, where they have been tried. */
  readonly products?: { readonly name: string; readonly downloadBytes: number; readonly diskBytes: number }
  /** Of all packages but that, about. */
  readonly downloadBytes: number
  /** Of what they become, about. */
  readonly diskBytes: number
}

const SERVER = { server: 'nvidia-pytriton==0.7.0', triton: '2.51' }
/** With numpy 2 this server's Python backend answers with empty tensors and says nothing. */
const NUMPY = 'numpy==1.26.4'

/**
 * Best first: the version that the figures of docs/reference/performance.md are of, then one for GPUs that it does not know. The
 * libraries of TensorRT lie on NVIDIA's own index; PyPI has stand-ins that would download them. `.*`: they were packed again
 * (`10.6.0.post1`), which changes nothing in them. Bindings that were packed again call themselves another version, and so would plans.
 *
 * Source: NVIDIA's release notes of TensorRT 10.5 (no Volta from there on) and 10.8 (Blackwell from there on).
 */
export const PINS: readonly Pin[] = [
  {
    ...SERVER,
    name: 'triton-2.51-tensorrt-10.6.0',
    tensorrt: '10.6.0',
    capabilities: { first: 7.5, last: 9 },
    packages: [
      NUMPY,
      'tensorrt-cu12-bindings==10.6.0',
      'tensorrt-cu12-libs==10.6.0.*',
      'nvidia-cuda-runtime-cu12==12.6.77',
      'nvidia-cuda-nvrtc-cu12==12.6.85',
    ],
    products: { name: 'nvidia-cublas-cu12==12.6.4.1', downloadBytes: 0.4e9, diskBytes: 0.6e9 },
    downloadBytes: 1.2e9,
    diskBytes: 2e9,
  },
  {
    ...SERVER,
    name: 'triton-2.51-tensorrt-10.13.3.9',
    tensorrt: '10.13.3.9',
    capabilities: { first: 7.5, last: 12 },
    packages: [
      NUMPY,
      'tensorrt-cu12-bindings==10.13.3.9',
      'tensorrt-cu12-libs==10.13.3.9.*',
      'nvidia-cuda-runtime-cu12==12.9.79',
      'nvidia-cuda-nvrtc-cu12==12.9.86',
    ],
    downloadBytes: 4e9,
    diskBytes: 8e9,
  },
]

/** Pythons that the server has a backend for and numpy has packages for, newest first. */
export const PYTHON_VERSIONS = ['3.12', '3.11', '3.10', '3.9']

/** What the server's package was built against. */
export const LEAST_GLIBC = '2.35'

/** Where TensorRT's libraries are, in the way of PIP_EXTRA_INDEX_URL. */
export const NVIDIA_INDEX = 'https://pypi.nvidia.com'

/** Whose terms apply to what is downloaded. */
export const LICENCES = {
  private: "Triton BSD 3-clause, TensorRT and CUDA NVIDIA's terms",
  image: "NVIDIA's terms for its images",
} as const

/** The first environment for all of these GPUs, undefined if there is none; without GPUs, the first of all. */
export function pinFor(computeCapabilities: readonly string[]): Pin | undefined {
  return PINS.find(({ capabilities: { first, last } }) =>
    computeCapabilities.every((capability) => Number(capability) >= first && Number(capability) <= last),
  )
}

/** Why {@link pinFor} has none. */
export function unsupportedGpus(gpus: readonly { readonly computeCapability: string }[]): string {
  const capabilities = [...new Set(gpus.map(({ computeCapability }) => computeCapability))]
  const first = Math.min(...PINS.map((pin) => pin.capabilities.first))
  const old = capabilities.filter((capability) => Number(capability) < first)
  if (old.length === 0)
    return `no TensorRT is known here for GPUs of compute capability ${capabilities.join(' and ')} together`
  return (
    `TensorRT 10 does not support GPUs of compute capability ${old.join(', ')} (Volta, Pascal and before): ` +
    `it needs ${first.toFixed(1)} (Turing, such as T4) or later. CUDA_VISIBLE_DEVICES can leave such GPUs out`
  )
}

/**
 * Images for drivers, newest first. CUDA 13 wants a driver of the 580 series; with older ones, CUDA 12 of the second image runs.
 * Both are for GPUs of compute capability 7.5 and later, Blackwell included.
 *
 * Source: NVIDIA's release notes of Triton 25.03 and 25.08, and of CUDA 13.0.
 */
const IMAGES = [
  { tag: DEFAULT_IMAGE_TAG, driver: 580 },
  { tag: '25.03-py3', driver: 0 },
] as const

/** Of an image, about: packed as it is fetched, and as it lies on the disk. */
export const IMAGE_BYTES = { downloadBytes: 10e9, diskBytes: 22e9 }

/** The tag of the image for the oldest driver of these GPUs; the newest where none is known. */
export function imageTagFor(gpus: readonly { readonly driver?: string | undefined }[]): string {
  const drivers = gpus.flatMap(({ driver }) => (driver === undefined ? [] : [Number.parseInt(driver, 10)]))
  const oldest = Math.min(...drivers)
  return (IMAGES.find(({ driver }) => oldest >= driver) ?? IMAGES[0]).tag
}
