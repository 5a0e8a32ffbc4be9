include { VIRNUCPRO_SHARD   } from '../../modules/virnucpro/shard/main'
include { VIRNUCPRO_PREDICT } from '../../modules/virnucpro/predict/main'
include { VIRNUCPRO_MERGE   } from '../../modules/virnucpro/merge/main'

workflow VIRNUCPRO {
    take:
    ch_sequences // channel: [ val(meta), [ path(sequences) ] ]
    ch_bundle    // channel: path(bundle), or [] for the default bundle of the home
    val_shards   // integer: shards of each sample

    main:
    VIRNUCPRO_SHARD(ch_sequences, val_shards)

    ch_shards = VIRNUCPRO_SHARD.out.fasta
        .flatMap { meta, fasta -> [fasta].flatten().collect { file -> [meta + [shard: file.name - '.fasta.gz'], file] } }

    VIRNUCPRO_PREDICT(ch_shards, ch_bundle)

    // Each sample goes on as soon as its own shards are done.
    ch_runs = VIRNUCPRO_PREDICT.out.run
        .map { meta, run -> [groupKey(meta.findAll { key, _value -> key != 'shard' }, val_shards as int), run] }
        .groupTuple()
        .map { key, runs -> [key.getGroupTarget(), runs] }

    VIRNUCPRO_MERGE(VIRNUCPRO_SHARD.out.shards.join(ch_runs))

    emit:
    run     = VIRNUCPRO_MERGE.out.run     // channel: [ val(meta), path(folder) ]
    contigs = VIRNUCPRO_MERGE.out.contigs // channel: [ val(meta), path(tsv) ]
    chunks  = VIRNUCPRO_MERGE.out.chunks  // channel: [ val(meta), path(tsv) ]
    viral   = VIRNUCPRO_MERGE.out.viral   // channel: [ val(meta), path(fasta.gz) ]
    multiqc = VIRNUCPRO_MERGE.out.multiqc // channel: [ val(meta), path(tsv) ]
}
