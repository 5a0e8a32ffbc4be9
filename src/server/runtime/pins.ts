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
  /** Of all packages, about. */
  readonly downloadBytes: number
  /** Of what they become, about. */
  readonly diskBytes: number
}

const SERVER = { server: 'nvidia-pytriton==0.7.0', triton: '2.51' }
/** With numpy 2 this server's Python backend answers with empty tensors and says nothing. */
const NUMPY = 'numpy==1.26.4'

/**
 * Best first: the version that the figures of docs/performance.md are of, then one for GPUs that it does not know. The
 * libraries of TensorRT lie on NVIDIA's own index; PyPI has stand-ins that would download them. `.*`: some were packed again,
 * which changes nothing in them.
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
      'tensorrt-cu12-bindings==10.6.0.*',
      'tensorrt-cu12-libs==10.6.0.*',
      'nvidia-cuda-runtime-cu12==12.6.77',
      'nvidia-cuda-nvrtc-cu12==12.6.85',
    ],
    downloadBytes: 1.3e9,
    diskBytes: 3.5e9,
  },
  {
    ...SERVER,
    name: 'triton-2.51-tensorrt-10.13.3.9',
    tensorrt: '10.13.3.9',
    capabilities: { first: 7.5, last: 12 },
    packages: [
      NUMPY,
      'tensorrt-cu12-bindings==10.13.3.9.*',
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
export const LICENCES =
  'Triton: BSD 3-clause; TensorRT and CUDA: NVIDIA software licence agreements (https://docs.nvidia.com/deeplearning/tensorrt/latest/reference/sla.html)'

/** The first environment for all of these GPUs; undefined where there is none. None given: the first. */
export function pinFor(computeCapabilities: readonly string[]): Pin | undefined {
  return PINS.find(({ capabilities: { first, last } }) =>
    computeCapabilities.every((capability) => Number(capability) >= first && Number(capability) <= last),
  )
}
