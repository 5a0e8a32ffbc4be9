process VIRNUCPRO_MERGE {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(shards), path(runs, stageAs: 'runs/*')

    output:
    tuple val(meta), path("${prefix}"), emit: run
    tuple val(meta), path("${prefix}/*_results/contigs.tsv"), emit: contigs
    tuple val(meta), path("${prefix}/*_results/chunks.tsv"), emit: chunks
    tuple val(meta), path("${prefix}/*_results/viral.fasta.gz"), emit: viral
    tuple val(meta), path("${prefix}/*_report/*_mqc.tsv"), emit: multiqc, optional: true
    tuple val("${task.process}"), val('virnucpro'), eval("virnucpro --version | sed 's/.* //'"), emit: versions_virnucpro, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    virnucpro merge runs/* \\
        --manifest ${shards}/shards.json \\
        --prefix ${prefix} \\
        --output-dir ${prefix} \\
        ${args}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${prefix}/${prefix}_merged ${prefix}/${prefix}_report ${prefix}/${prefix}_results
    touch ${prefix}/${prefix}_merged/prediction_results.txt ${prefix}/${prefix}_report/virnucpro_mqc.tsv
    touch ${prefix}/${prefix}_results/contigs.tsv ${prefix}/${prefix}_results/chunks.tsv
    echo '' | gzip > ${prefix}/${prefix}_results/viral.fasta.gz
    """
}
