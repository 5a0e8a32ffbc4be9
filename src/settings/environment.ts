/** A variable that this program reads, besides those of settings. */
export interface Variable {
  /** Several that mean the same, in the order in which they are looked at. */
  readonly names: readonly [string, ...string[]]
  readonly group: 'This program' | 'Places' | 'Network' | 'GPUs' | 'Terminal'
  /** Markdown, without the last full stop; links start in docs/. */
  readonly meaning: string
}

/** Every variable of the environment that is no setting; `VIRNUCPRO_NAME` of settings are in their table. */
export const VARIABLES: readonly Variable[] = [
  {
    names: ['VIRNUCPRO_HOME'],
    group: 'This program',
    meaning: 'folder in which this program keeps bundles, weights and servers: [the home](reference/home.md)',
  },
  {
    names: ['VIRNUCPRO_CONFIG'],
    group: 'This program',
    meaning: 'configuration file, as with `--config`',
  },
  {
    names: ['VIRNUCPRO_TRITON_TAG'],
    group: 'This program',
    meaning: "tag of NVIDIA's image of Triton, as with `serve --image-tag`",
  },
  {
    names: ['XDG_DATA_HOME', 'HOME'],
    group: 'Places',
    meaning:
      'where the home is without `VIRNUCPRO_HOME`: `virnucpro` in the first, else in `.local/share` of the second',
  },
  {
    names: ['LOCALAPPDATA'],
    group: 'Places',
    meaning: 'the same on Windows',
  },
  {
    names: ['XDG_RUNTIME_DIR'],
    group: 'Places',
    meaning: 'private folder of a session, for the records of servers that you have started',
  },
  {
    names: ['TMPDIR', 'TMP', 'TEMP'],
    group: 'Places',
    meaning: 'folder for temporary files',
  },
  {
    names: ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_HOME', 'XDG_CACHE_HOME'],
    group: 'Places',
    meaning:
      'where Hugging Face keeps weights that are there already: the cache itself, the folder above it, or the folder of caches',
  },
  {
    names: ['TORCH_HOME'],
    group: 'Places',
    meaning: 'where PyTorch keeps weights that are there already',
  },
  {
    names: ['HF_ENDPOINT'],
    group: 'Network',
    meaning: 'address of Hugging Face or of a mirror',
  },
  {
    names: ['HF_TOKEN'],
    group: 'Network',
    meaning: 'token for it, a secret: sent to that address alone',
  },
  {
    names: ['HF_HUB_OFFLINE'],
    group: 'Network',
    meaning: '`1`: do not ask Hugging Face',
  },
  {
    names: ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'],
    group: 'Network',
    meaning: 'proxies, `http://` or `https://`, and hosts that are asked without',
  },
  {
    names: ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'],
    group: 'Network',
    meaning: 'certificates of the authority of your network',
  },
  {
    names: ['NODE_TLS_REJECT_UNAUTHORIZED'],
    group: 'Network',
    meaning: '`0` has no effect: certificates are always checked',
  },
  {
    names: ['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'],
    group: 'Network',
    meaning:
      'certificates of the authorities to trust for `grpcs://` servers, in place of all others; of gRPC, and `--triton-ca` comes first',
  },
  {
    names: ['PIP_EXTRA_INDEX_URL', 'PIP_NO_INDEX'],
    group: 'Network',
    meaning:
      "where pip finds packages of a private server; with either, NVIDIA's index is not added. pip reads its own other variables, such as `PIP_INDEX_URL`",
  },
  {
    names: ['CUDA_VISIBLE_DEVICES'],
    group: 'GPUs',
    meaning: 'GPUs that programs may use, by number or UUID',
  },
  {
    names: ['CUDA_DEVICE_ORDER'],
    group: 'GPUs',
    meaning: 'how the numbers of GPUs are counted: `PCI_BUS_ID`, or `FASTEST_FIRST`',
  },
  {
    names: ['LD_LIBRARY_PATH'],
    group: 'GPUs',
    meaning: 'folders of libraries, handed on to servers and to TensorRT',
  },
  {
    names: ['PATH'],
    group: 'GPUs',
    meaning: 'where `tritonserver`, `nvidia-smi`, `docker`, `python3` and the like are looked for',
  },
  {
    names: ['SLURM_JOB_ID'],
    group: 'GPUs',
    meaning: 'set inside a job of Slurm; `doctor` shows it',
  },
  {
    names: ['NO_COLOR', 'FORCE_COLOR'],
    group: 'Terminal',
    meaning: 'messages without colours, or with them where there is no terminal',
  },
  {
    names: ['TERM'],
    group: 'Terminal',
    meaning: '`dumb`: no colours, and lines in place of the display',
  },
]
