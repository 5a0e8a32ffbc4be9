version 1.0

# The inputs and outputs are those of classify_virnucpro in the Broad Institute's viral-pipelines, and more: docs/how-to/clusters.md.
task classify_virnucpro {
  meta {
    description: "Calls reads or contigs viral or not with VirNucPro."
  }

  input {
    File      reads_input
    Int       expected_length = 300

    Boolean   parallel = false  #!UnusedDeclaration
    Boolean   persist_model = false  #!UnusedDeclaration
    Boolean   use_gpu = false
    Int       batch_size = 256
    Int?      esm_batch_size
    Int?      dnabert_batch_size

    Boolean   resume = false

    String?   bundle
    File?     bundle_tar
    String    options = ""

    String?   accelerator_type
    Int?      accelerator_count
    String?   gpu_type
    Int?      gpu_count
    String?   vm_size
    Int       machine_mem_gb = 30
    Int       cpu = 8
    Int       disk_gb = 120
    String    docker = "virnucpro:latest"
  }

  parameter_meta {
    reads_input: {
      description: "Reads or contigs: FASTA, FASTQ or unmapped BAM, compressed or not.",
      patterns: ["*.bam", "*.fasta", "*.fa", "*.fasta.gz", "*.fa.gz", "*.fastq", "*.fastq.gz"]
    }
    expected_length: {
      description: "Length of chunks. The bundle must have a classifier for it."
    }
    parallel: {
      description: "Accepted, without effect: loading is always parallel."
    }
    persist_model: {
      description: "Accepted, without effect: models stay loaded."
    }
    use_gpu: {
      description: "Compute on the GPUs of the machine. Without it the processor computes."
    }
    batch_size: {
      description: "Rows in one call of the classifier."
    }
    esm_batch_size: {
      description: "Tokens in a batch of ESM-2."
    }
    dnabert_batch_size: {
      description: "Tokens in a batch of DNABERT-S."
    }
    resume: {
      description: "Accepted: a run always continues one that was interrupted in its folder."
    }
    bundle: {
      description: "Name of a bundle of the home in the image. Without it and bundle_tar: the default one."
    }
    bundle_tar: {
      description: "Archive of the files of a bundle, without a folder above them.",
      patterns: ["*.tar", "*.tar.gz"]
    }
    options: {
      description: "More options of virnucpro predict."
    }
    accelerator_type: {
      description: "[GCP] Model of GPU."
    }
    accelerator_count: {
      description: "[GCP] Number of GPUs."
    }
    gpu_type: {
      description: "[Terra] Model of GPU."
    }
    gpu_count: {
      description: "[Terra] Number of GPUs."
    }
    vm_size: {
      description: "[Azure] Size of the machine."
    }
  }

  String basename = sub(basename(reads_input), "\\.(bam|fasta\\.gz|fa\\.gz|fastq\\.gz|fasta|fa|fastq)$", "")

  command <<<
    set -ex -o pipefail

    virnucpro --version | tee VERSION
    if [ -n "~{default="" bundle_tar}" ]; then
      mkdir bundle
      tar -xf "~{default="" bundle_tar}" -C bundle
    fi

    virnucpro predict "~{reads_input}" \
      --output-dir results \
      --prefix "~{basename}" \
      --layout broad \
      --expected-length ~{expected_length} \
      --batch-size ~{batch_size} \
      ~{"--esm-batch-size " + esm_batch_size} \
      ~{"--dnabert-batch-size " + dnabert_batch_size} \
      ~{if defined(bundle_tar) then "--bundle bundle" else "--bundle " + bundle} \
      ~{true="" false="--device cpu" use_gpu} \
      ~{true="--resume" false="" resume} \
      --threads "$(nproc)" \
      ~{options}

    # Under the names that the tasks after this one expect.
    merged="results/~{basename}_merged"
    cp "$merged/prediction_results.txt" "~{basename}.virnucpro.tsv"
    cp "$merged/prediction_results_highestscore.csv" "~{basename}.virnucpro_highestscore.csv"
    tar -czf "~{basename}.virnucpro.tgz" "~{basename}.virnucpro.tsv" "~{basename}.virnucpro_highestscore.csv"
  >>>

  output {
    File    virnuc_pro_scores = "~{basename}.virnucpro.tgz"
    File    contigs           = "results/~{basename}_results/contigs.tsv"
    File    chunks            = "results/~{basename}_results/chunks.tsv"
    File    viral_fasta       = "results/~{basename}_results/viral.fasta.gz"
    File    viral_bed         = "results/~{basename}_results/viral.bed"
    File    report            = "results/~{basename}_report/report.html"
    String  virnucpro_version = read_string("VERSION")
  }

  # Each platform reads attributes of its own, and computes without a GPU where they are missing.
  runtime {
    docker: docker
    memory: "~{machine_mem_gb} GB"
    cpu: cpu
    disks: "local-disk ~{disk_gb} SSD"
    disk: "~{disk_gb} GB"
    gpu: use_gpu
    dx_instance_type: "mem1_ssd1_gpu2_x8"
    dx_timeout: "6H"
    acceleratorType: select_first([accelerator_type, "nvidia-tesla-t4"])
    acceleratorCount: select_first([accelerator_count, 1])
    gpuType: select_first([gpu_type, "nvidia-tesla-t4"])
    gpuCount: select_first([gpu_count, 1])
    vm_size: select_first([vm_size, "Standard_NC6"])
    maxRetries: 1
  }
}

task virnucpro_shard {
  meta {
    description: "Splits an input into shards of nearly equal bases; mates stay together."
  }

  input {
    Array[File]+ sequences
    String       sample
    Int          shards = 8
    String       options = ""

    Int          disk_gb = 120
    String       docker = "virnucpro:latest"
  }

  parameter_meta {
    sequences: {
      description: "One file, or two of mates."
    }
    sample: {
      description: "How the names of the results begin."
    }
    shards: {
      description: "Number of jobs that may run at the same time."
    }
    options: {
      description: "More options of virnucpro shard."
    }
  }

  command <<<
    set -ex -o pipefail
    mapfile -t sequences < "~{write_lines(sequences)}"
    virnucpro shard "${sequences[@]}" --shards ~{shards} --gzip --prefix "~{sample}" --output-dir shards ~{options}
  >>>

  output {
    File        manifest = "shards/shards.json"
    File        faults   = "shards/invalid_records.jsonl"
    Array[File] fasta    = glob("shards/*.fasta.gz")
  }

  runtime {
    docker: docker
    memory: "4 GB"
    cpu: 1
    disks: "local-disk ~{disk_gb} SSD"
    disk: "~{disk_gb} GB"
    dx_instance_type: "mem1_ssd1_v2_x2"
    maxRetries: 1
  }
}

task virnucpro_predict {
  meta {
    description: "The run over one shard, as an archive for virnucpro_merge."
  }

  input {
    File     shard
    Boolean  use_gpu = false
    String?  bundle
    File?    bundle_tar
    String   options = ""

    String   accelerator_type = "nvidia-tesla-t4"
    Int      accelerator_count = 1
    Int      machine_mem_gb = 30
    Int      cpu = 8
    Int      disk_gb = 120
    String   docker = "virnucpro:latest"
  }

  parameter_meta {
    shard: {
      description: "A file of virnucpro_shard."
    }
    use_gpu: {
      description: "Compute on the GPUs of the machine. Without it the processor computes."
    }
    bundle: {
      description: "Name of a bundle of the home in the image. Without it and bundle_tar: the default one."
    }
    bundle_tar: {
      description: "Archive of the files of a bundle, without a folder above them."
    }
    options: {
      description: "More options of virnucpro predict, the same for all shards."
    }
  }

  String name = basename(shard, ".fasta.gz")

  command <<<
    set -ex -o pipefail
    if [ -n "~{default="" bundle_tar}" ]; then
      mkdir bundle
      tar -xf "~{default="" bundle_tar}" -C bundle
    fi
    virnucpro predict "~{shard}" \
      --output-dir run \
      --allow-empty \
      ~{if defined(bundle_tar) then "--bundle bundle" else "--bundle " + bundle} \
      ~{true="" false="--device cpu" use_gpu} \
      --threads "$(nproc)" \
      ~{options}
    tar -cf "~{name}.tar" -C run .
  >>>

  output {
    File run = "~{name}.tar"
  }

  runtime {
    docker: docker
    memory: "~{machine_mem_gb} GB"
    cpu: cpu
    disks: "local-disk ~{disk_gb} SSD"
    disk: "~{disk_gb} GB"
    gpu: use_gpu
    dx_instance_type: "mem1_ssd1_gpu2_x8"
    acceleratorType: accelerator_type
    acceleratorCount: accelerator_count
    gpuType: accelerator_type
    gpuCount: accelerator_count
    preemptible: 2
    maxRetries: 2
  }
}

task virnucpro_merge {
  meta {
    description: "Brings the runs over all shards together as the run over the whole."
  }

  input {
    String       sample
    File         manifest
    File         faults
    Array[File]  fasta
    Array[File]  runs

    Int          disk_gb = 120
    String       docker = "virnucpro:latest"
  }

  command <<<
    set -ex -o pipefail
    mkdir shards runs
    mapfile -t shards < "~{write_lines(fasta)}"
    mapfile -t runs < "~{write_lines(runs)}"
    ln -s "~{manifest}" "~{faults}" "${shards[@]}" shards/
    for run in "${runs[@]}"; do
      name=$(basename "$run" .tar)
      mkdir "runs/$name"
      tar -xf "$run" -C "runs/$name"
    done
    virnucpro merge runs/* --manifest shards/shards.json --prefix "~{sample}" --output-dir results
    tar -czf "~{sample}.virnucpro.tgz" -C results .
  >>>

  output {
    File results     = "~{sample}.virnucpro.tgz"
    File contigs     = "results/~{sample}_results/contigs.tsv"
    File chunks      = "results/~{sample}_results/chunks.tsv"
    File viral_fasta = "results/~{sample}_results/viral.fasta.gz"
    File viral_bed   = "results/~{sample}_results/viral.bed"
    File report      = "results/~{sample}_report/report.html"
  }

  runtime {
    docker: docker
    memory: "4 GB"
    cpu: 1
    disks: "local-disk ~{disk_gb} SSD"
    disk: "~{disk_gb} GB"
    dx_instance_type: "mem1_ssd1_v2_x2"
    maxRetries: 1
  }
}
