version 1.0

import "tasks_virnucpro.wdl" as virnucpro

workflow virnucpro_sharded {
  meta {
    description: "Calls the reads or contigs of a sample viral or not, in shards that run side by side."
  }

  input {
    Array[File]+ sequences
    String       sample
    Int          shards = 8
    Boolean      use_gpu = false
    String?      bundle
    File?        bundle_tar
    Int          cpu = 8
    Int          machine_mem_gb = 30
    String       shard_options = ""
    String       predict_options = ""
    String       docker = "virnucpro:latest"
  }

  parameter_meta {
    sequences: {
      description: "One file of reads or contigs, or two of mates."
    }
    sample: {
      description: "How the names of the results begin."
    }
  }

  call virnucpro.virnucpro_shard {
    input:
      sequences = sequences,
      sample = sample,
      shards = shards,
      options = shard_options,
      docker = docker
  }

  scatter (shard in virnucpro_shard.fasta) {
    call virnucpro.virnucpro_predict {
      input:
        shard = shard,
        use_gpu = use_gpu,
        bundle = bundle,
        bundle_tar = bundle_tar,
        cpu = cpu,
        machine_mem_gb = machine_mem_gb,
        options = predict_options,
        docker = docker
    }
  }

  call virnucpro.virnucpro_merge {
    input:
      sample = sample,
      manifest = virnucpro_shard.manifest,
      faults = virnucpro_shard.faults,
      fasta = virnucpro_shard.fasta,
      runs = virnucpro_predict.run,
      docker = docker
  }

  output {
    File results     = virnucpro_merge.results
    File contigs     = virnucpro_merge.contigs
    File chunks      = virnucpro_merge.chunks
    File viral_fasta = virnucpro_merge.viral_fasta
    File viral_bed   = virnucpro_merge.viral_bed
    File report      = virnucpro_merge.report
  }
}
