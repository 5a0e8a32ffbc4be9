process VIRNUCPRO_PREDICT {
    tag "${meta.shard ?: meta.id}"
    label 'process_high'
    label 'process_gpu'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(sequences)
    path bundle

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
    prefix = task.ext.prefix ?: "${meta.shard ?: meta.id}"
    def models = bundle ? "--bundle ${bundle}" : ''
    // Without a GPU for the task those of the machine belong to others.
    def device = task.accelerator || args =~ /--(triton|backend|device|gpus)\b/ ? '' : '--device cpu'
    """
    virnucpro predict ${sequences} \\
        --output-dir ${prefix} \\
        --prefix ${prefix} \\
        --threads ${task.cpus} \\
        --allow-empty \\
        ${models} ${device} \\
        ${args}
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.shard ?: meta.id}"
    """
    mkdir -p ${prefix}/.virnucpro/${prefix} ${prefix}/${prefix}_merged ${prefix}/${prefix}_report ${prefix}/${prefix}_results
    touch ${prefix}/.virnucpro/${prefix}/run.json ${prefix}/${prefix}_merged/prediction_results.txt
    touch ${prefix}/${prefix}_report/virnucpro_mqc.tsv
    touch ${prefix}/${prefix}_results/contigs.tsv ${prefix}/${prefix}_results/chunks.tsv
    echo '' | gzip > ${prefix}/${prefix}_results/viral.fasta.gz
    """
}
