#!/usr/bin/env nextflow
// The subworkflow on the samples of a sheet: docs/how-to/clusters.md.
//   nextflow run nextflow/main.nf --input samples.csv --outdir results --shards 8

nextflow.preview.topic = true

include { VIRNUCPRO } from './subworkflows/virnucpro/main'

workflow {
    def samples = [] as Set
    if (!params.input || !params.outdir) {
        error("--input SAMPLES.csv and --outdir DIR are needed")
    }
    ch_sequences = Channel.fromPath(params.input, checkIfExists: true)
        .splitCsv(header: true)
        .map { row ->
            def files = [row.fasta, row.fastq_1, row.fastq_2].findAll().collect { name -> file(name, checkIfExists: true) }
            if (!row.sample || !files) {
                error("${params.input}: every row needs sample, and fasta or fastq_1: ${row}")
            }
            if (!samples.add(row.sample)) {
                error("${params.input}: sample ${row.sample} is there twice: give all of its files in one row")
            }
            [[id: row.sample], files]
        }

    VIRNUCPRO(ch_sequences, params.bundle ? file(params.bundle, checkIfExists: true) : [], params.shards)

    Channel.topic('versions')
        .unique()
        .map { process, name, version -> "${process.tokenize(':').last()}:\n  ${name}: ${version}\n" }
        .collectFile(name: 'virnucpro_versions.yml', storeDir: params.outdir, sort: true)
}
