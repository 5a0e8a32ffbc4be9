// An input in pieces for many machines, and their runs brought together as the run over the whole.

export { readShards, SHARDS_FILE, type Shards } from './manifest.ts'
export { type MergeOptions, type MergeResult, mergeRuns } from './merge.ts'
export { type ShardOptions, shardInputs } from './shard.ts'
