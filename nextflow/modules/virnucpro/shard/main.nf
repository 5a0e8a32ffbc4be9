process VIRNUCPRO_SHARD {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(sequences)
    val shards

    output:
    tuple val(meta), path("${prefix}_shards"), emit: shards
    tuple val(meta), path("${prefix}_shards/*.fasta.gz"), emit: fasta
    tuple val("${task.process}"), val('virnucpro'), eval("virnucpro --version | sed 's/.* //'"), emit: versions_virnucpro, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    virnucpro shard ${sequences} \\
        --shards ${shards} \\
        --gzip \\
        --prefix ${prefix} \\
        --output-dir ${prefix}_shards \\
        ${args}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir ${prefix}_shards
    touch ${prefix}_shards/shards.json ${prefix}_shards/invalid_records.jsonl
    for number in \$(seq ${shards}); do
        echo '' | gzip > ${prefix}_shards/${prefix}_shard_\$(printf '%04d' \$number).fasta.gz
    done
    """
}
