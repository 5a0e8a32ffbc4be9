// Attention of rows of different lengths in one kernel: positions (rotary or ALiBi), scores, softmax and sum, read from the
// one product that makes queries, keys and values, so that nothing between them is written to memory. For GPUs of compute
// capability 8.0 and later.
//
// The softmax runs over blocks of keys with a running largest score (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et
// al. 2022, arXiv:2205.14135). Tensor cores multiply numbers of 16 bits, BF16 or FP16, and add in FP32; scores and softmax are
// FP32.
//
// Settings of the compiler: SIZE, numbers of a head, 16, 32, 64 or 128; ROTARY or ALIBI, 1 for what positions do;
// HALF, 1 where the numbers of 16 bits are FP16; OUT8, 1 where the result is FP8 (E4M3), times a number that is given.
// Where IS_GPU is 0 a test compiles this for the CPU and brings its own versions of the primitives below.

#ifndef IS_GPU
#define IS_GPU 1
#endif
#ifndef HALF
#define HALF 0
#endif
#ifndef OUT8
#define OUT8 0
#endif

typedef unsigned int u32;
typedef unsigned short u16;

#define WARPS 4
// As many as there are registers for.
#define BLOCKS_AT_ONCE (SIZE > 64 ? 2 : SIZE == 64 && ROTARY ? 3 : 4)
#define THREADS (32 * WARPS)
// Keys and values of so many positions are in shared memory at once.
#define CHUNK 256
// Pieces of 16 bytes in the numbers of a head.
#define PIECES (SIZE / 8)
#define LOWEST __uint_as_float(0xff800000u)

struct alignas(16) Quad {
  u32 x, y, z, w;
};

#if IS_GPU
#if HALF
#define TYPE "f16"
#else
#define TYPE "bf16"
#endif
#define SHARED_MEMORY(name) extern __shared__ Quad name[]

// Copies 16 bytes to shared memory in the background, or clears them.
__device__ __forceinline__ void copyLater(void* to, const void* from, bool isThere) {
  u32 address = (u32)__cvta_generic_to_shared(to);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(isThere ? 16 : 0) : "memory");
}

__device__ __forceinline__ void endOfGroup() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits for this thread's copies, but for those of the last `LEFT` groups.
template <int LEFT>
__device__ __forceinline__ void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
}

// Four 8x8 matrices of 16-bit numbers; each lane names a row of one, and gets two numbers of each.
__device__ __forceinline__ void loadMatrices(u32 (&out)[4], const void* row) {
  u32 address = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ void loadTransposed(u32 (&out)[4], const void* row) {
  u32 address = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
}

// sum += a b of 16x16 and 16x8.
__device__ __forceinline__ void multiply(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ float ofLane(float value, int distance) {
  return __shfl_xor_sync(0xffffffffu, value, distance);
}

__device__ __forceinline__ void waitForWarp() { __syncwarp(); }

// 2^x; a score far below the largest becomes 0.
__device__ __forceinline__ float power(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// Two numbers rounded to 16 bits.
__device__ __forceinline__ u32 pack(float low, float high) {
  u32 result;
  asm("cvt.rn." TYPE "x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

#if OUT8
// Two numbers rounded to FP8; what is too large becomes the largest.
__device__ __forceinline__ u16 packEight(float low, float high) {
  u16 result;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(result) : "f"(high), "f"(low));
  return result;
}
#endif

// Numbers that nobody writes while the kernel runs.
__device__ __forceinline__ Quad constant(const void* from) {
  Quad result;
  asm("ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];"
      : "=r"(result.x), "=r"(result.y), "=r"(result.z), "=r"(result.w)
      : "l"(from));
  return result;
}

__device__ __forceinline__ float fromHalf(u16 bits) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(bits));
  return result;
}
#endif

#if HALF
__device__ __forceinline__ float lowOf(u32 pair) { return fromHalf((u16)pair); }
__device__ __forceinline__ float highOf(u32 pair) { return fromHalf((u16)(pair >> 16)); }
#else
__device__ __forceinline__ float lowOf(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float highOf(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }
#endif

// Where a piece of a row lies in shared memory: exchanged with others so that the eight rows of a matrix that is loaded at
// once are in different banks.
template <class Piece>
__device__ __forceinline__ Piece* placeOf(Piece* rows, int row, int piece) {
  const int turn = PIECES >= 8 ? row & 7 : row / (8 / PIECES) & (PIECES - 1);
  return rows + row * PIECES + (piece ^ turn);
}

#if ROTARY
// Turns a number of the first half of a head and its partner in the second by the angle whose cos and sin are the halves of
// `wave`, twice, and multiplies both.
__device__ __forceinline__ void turn(u32& first, u32& second, u32 wave0, u32 wave1, float scale) {
  const float cos0 = fromHalf((u16)wave0) * scale, sin0 = fromHalf((u16)(wave0 >> 16)) * scale;
  const float cos1 = fromHalf((u16)wave1) * scale, sin1 = fromHalf((u16)(wave1 >> 16)) * scale;
  const float a0 = lowOf(first), a1 = highOf(first), b0 = lowOf(second), b1 = highOf(second);
  first = pack(a0 * cos0 - b0 * sin0, a1 * cos1 - b1 * sin1);
  second = pack(b0 * cos0 + a0 * sin0, b1 * cos1 + a1 * sin1);
}

__device__ __forceinline__ void turnPieces(Quad* rows, int row, int piece, const Quad (&wave)[2], float scale) {
  Quad* at = placeOf(rows, row, piece);
  Quad* partner = placeOf(rows, row, piece + PIECES / 2);
  Quad first = *at, second = *partner;
  turn(first.x, second.x, wave[0].x, wave[0].y, scale);
  turn(first.y, second.y, wave[0].z, wave[0].w, scale);
  turn(first.z, second.z, wave[1].x, wave[1].y, scale);
  turn(first.w, second.w, wave[1].z, wave[1].w, scale);
  *at = first;
  *partner = second;
}

// Turns `count` rows in shared memory, the first of which has position `start`, and the same rows of `others` if there are
// any. Angles are fetched a few at a time, the first before the rows have arrived: all copies but those of the last group.
__device__ __forceinline__ void turnRows(Quad* rows, float scale, Quad* others, float otherScale, int start, int count,
                                         const u16* waves) {
  const int together = 3, units = count * (PIECES / 2);
  int unit = threadIdx.x;
  bool isFirst = true;
  do {
    Quad wave[together][2];
#pragma unroll
    for (int i = 0; i < together; i++) {
      const int at = unit + i * THREADS;
      const int row = at / (PIECES / 2), piece = at % (PIECES / 2);
      const u16* source = waves + (long long)(start + row) * SIZE + piece * 16;
      if (at < units) {
        wave[i][0] = constant(source);
        wave[i][1] = constant(source + 8);
      }
    }
    if (isFirst) {
      waitForCopies<1>();
      __syncthreads();
      isFirst = false;
    }
#pragma unroll
    for (int i = 0; i < together; i++, unit += THREADS) {
      const int row = unit / (PIECES / 2), piece = unit % (PIECES / 2);
      if (unit >= units) continue;
      turnPieces(rows, row, piece, wave[i], scale);
      if (others) turnPieces(others, row, piece, wave[i], otherScale);
    }
  } while (unit < units);
}
#endif

// Rows of one part, queries, keys or values, into shared memory, zeros after the first `count` up to `padded`.
__device__ __forceinline__ void copyRows(Quad* rows, const u16* source, int stride, int count, int padded) {
  for (int unit = threadIdx.x; unit < padded * PIECES; unit += THREADS) {
    const int row = unit / PIECES, piece = unit % PIECES;
    const bool isThere = row < count;
    copyLater(placeOf(rows, row, piece), source + (long long)(isThere ? row : 0) * stride + piece * 8, isThere);
  }
}

// What a warp has found of the sixteen queries of a tile so far; each lane has a part of two of them.
struct State {
  float sums[SIZE / 8][4];
  float largest[2], total[2];
};

struct Place {
  const Quad *queryRows, *keyRows, *valueRows;
  // Row of the tile's first query in shared memory.
  int tileRow;
  // Position of the lane's first query, counted from the first key in shared memory.
  int query;
  int quad, lane;
  float slope, scale;
};

// Goes on with up to 64 keys, of which the first is `block`; `count` are there, and zeros follow up to 16 * SIXTEENS.
// Written without branches, so that products and loads overlap.
template <int SIXTEENS, bool IS_LAST>
__device__ __forceinline__ void attend(State& state, const Place& place, int block, int count) {
  const int lane = place.lane;
  float scores[2 * SIXTEENS][4];
#pragma unroll
  for (int i = 0; i < 2 * SIXTEENS; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) scores[i][j] = 0;
  const int keyOfLane = block + lane / 16 * 8 + lane % 8;
#pragma unroll
  for (int step = 0; step < SIZE / 16; step++) {
    // Fetched again for each block, which is cheaper than keeping them in registers.
    u32 query[4];
    loadMatrices(query, placeOf(place.queryRows, place.tileRow + lane % 16, step * 2 + lane / 16));
#pragma unroll
    for (int s = 0; s < SIXTEENS; s++) {
      u32 key[4];
      loadMatrices(key, placeOf(place.keyRows, keyOfLane + s * 16, step * 2 + lane / 8 % 2));
      multiply(scores[2 * s], query, key[0], key[1]);
      multiply(scores[2 * s + 1], query, key[2], key[3]);
    }
  }
#pragma unroll
  for (int i = 0; i < 2 * SIXTEENS; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int key = i * 8 + place.quad * 2 + j % 2;
#if ALIBI
      const float distance = (float)(block + key - place.query - j / 2 * 8);
      scores[i][j] = scores[i][j] * place.scale - place.slope * fabsf(distance);
#endif
      if (IS_LAST && i >= 2 * SIXTEENS - 2 && key >= count) scores[i][j] = LOWEST;
    }

  float highest[2] = {state.largest[0], state.largest[1]};
#pragma unroll
  for (int i = 0; i < 2 * SIXTEENS; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) highest[j / 2] = fmaxf(highest[j / 2], scores[i][j]);
#pragma unroll
  for (int r = 0; r < 2; r++) {
    highest[r] = fmaxf(highest[r], ofLane(highest[r], 1));
    highest[r] = fmaxf(highest[r], ofLane(highest[r], 2));
    const float shrink = power(state.largest[r] - highest[r]);
    state.largest[r] = highest[r];
    state.total[r] *= shrink;
#pragma unroll
    for (int i = 0; i < SIZE / 8; i++) {
      state.sums[i][2 * r] *= shrink;
      state.sums[i][2 * r + 1] *= shrink;
    }
  }
#pragma unroll
  for (int i = 0; i < 2 * SIXTEENS; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      scores[i][j] = power(scores[i][j] - highest[j / 2]);
      state.total[j / 2] += scores[i][j];
    }

  const int valueOfLane = block + lane / 8 % 2 * 8 + lane % 8;
#pragma unroll
  for (int s = 0; s < SIXTEENS; s++) {
    const u32 weights[4] = {pack(scores[2 * s][0], scores[2 * s][1]), pack(scores[2 * s][2], scores[2 * s][3]),
                            pack(scores[2 * s + 1][0], scores[2 * s + 1][1]),
                            pack(scores[2 * s + 1][2], scores[2 * s + 1][3])};
#pragma unroll
    for (int step = 0; step < SIZE / 16; step++) {
      u32 value[4];
      loadTransposed(value, placeOf(place.valueRows, valueOfLane + s * 16, step * 2 + lane / 16));
      multiply(state.sums[2 * step], weights, value[0], value[1]);
      multiply(state.sums[2 * step + 1], weights, value[2], value[3]);
    }
  }
}

// qkv      BF16 or FP16 [B,T,3,heads,SIZE]: queries, keys and values of every token
// lengths  INT32 [B]: tokens of each row; what comes after them is padding
// positions with ROTARY FP16 [at least T,SIZE], cos and sin of each angle, one after the other; with ALIBI FP32 [heads], slopes
// out      as qkv, [B,T,heads,SIZE], or FP8 with OUT8; padding gets finite numbers
// scale    of the scores, times log2(e)
// quantize with OUT8 FP32 [1]: what results are multiplied by before they are rounded
// Grid [T/16 divided by tilesPerBlock, heads, B]. Rows of more than CHUNK tokens need tilesPerBlock = WARPS.
// Shared memory: queries of the block's tiles, keys and values of CHUNK or T positions, rounded up to 16.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_AT_ONCE)
attention(const u16* qkv, const int* lengths, const void* positions, void* out, int tokens, int heads, float scale,
          int tilesPerBlock
#if OUT8
          ,
          const float* quantize
#endif
) {
  SHARED_MEMORY(memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int group = lane / 4, quad = lane % 4;
  const int row = blockIdx.z, head = blockIdx.y;
  const int width = heads * SIZE, stride = 3 * width;
  int length = lengths[row];
  length = length < 1 ? 1 : length > tokens ? tokens : length;
  const u16* tokensOfHead = qkv + (long long)row * tokens * stride + head * SIZE;
  // Pieces of 16 bytes in the result of a head.
  const int outPieces = OUT8 ? PIECES / 2 : PIECES;
  Quad* outOfHead = (Quad*)out + ((long long)row * tokens * heads + head) * outPieces;
#if OUT8
  const float factor = *quantize;
#else
  const float factor = 1;
#endif

  const int chunks = (length + CHUNK - 1) / CHUNK;
  const int tiles = (tokens + 15) / 16;
  const int firstTile = blockIdx.x * tilesPerBlock;
  const int firstQuery = firstTile * 16;
  int queries = length - firstQuery;
  queries = queries < 0 ? 0 : queries > tilesPerBlock * 16 ? tilesPerBlock * 16 : queries;
  const int end = firstTile + tilesPerBlock < tiles ? firstTile + tilesPerBlock : tiles;

  Quad* queryRows = memory;
  Quad* keyRows = queryRows + tilesPerBlock * 16 * PIECES;
  Quad* valueRows = keyRows + (tiles * 16 < CHUNK ? tiles * 16 : CHUNK) * PIECES;

  copyRows(queryRows, tokensOfHead + (long long)firstQuery * stride, stride, queries, (queries + 15) / 16 * 16);
#if ALIBI
  const float slope = ((const float*)positions)[head] * 1.44269504f;
#else
  const float slope = 0;
#endif

  // Every warp takes part in the first round, with or without a tile: all copy keys and values.
  for (int tile = firstTile + warp; tile < end || tile < firstTile + WARPS; tile += WARPS) {
    const bool isFirstRound = tile < firstTile + WARPS;
    const bool isPadding = tile >= end || tile * 16 >= length;
    State state;
#pragma unroll
    for (int i = 0; i < SIZE / 8; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) state.sums[i][j] = 0;
    state.largest[0] = state.largest[1] = LOWEST;
    state.total[0] = state.total[1] = 0;

    for (int chunk = 0; chunk < chunks; chunk++) {
      const int start = chunk * CHUNK;
      const int keys = length - start < CHUNK ? length - start : CHUNK;
      const int padded = (keys + 15) / 16 * 16;
      // One chunk stays for all rounds; with several there is one round.
      if (isFirstRound) {
        if (chunk > 0) __syncthreads();
        copyRows(keyRows, tokensOfHead + width + (long long)start * stride, stride, keys, padded);
        endOfGroup();
        copyRows(valueRows, tokensOfHead + 2 * width + (long long)start * stride, stride, keys, padded);
        endOfGroup();
#if ROTARY
        const u16* waves = (const u16*)positions;
        // A block that has all queries turns them with the keys of the same positions.
        const bool isTogether = chunk == 0 && firstQuery == 0 && queries == keys;
        turnRows(keyRows, 1, isTogether ? queryRows : 0, scale, start, keys, waves);
        if (chunk == 0 && !isTogether) turnRows(queryRows, scale, 0, 1, firstQuery, queries, waves);
#endif
        waitForCopies<0>();
        __syncthreads();
      }
      if (isPadding) continue;
      const Place place = {queryRows, keyRows,     valueRows, (tile - firstTile) * 16, tile * 16 + group - start, quad, lane,
                           slope,     scale};
      int block = 0;
      for (; block + 64 <= keys; block += 64) attend<4, false>(state, place, block, 64);
      const int left = keys - block;
      if (left > 48)
        attend<4, true>(state, place, block, left);
      else if (left > 32)
        attend<3, true>(state, place, block, left);
      else if (left > 16)
        attend<2, true>(state, place, block, left);
      else if (left > 0)
        attend<1, true>(state, place, block, left);
    }

    if (tile >= end) continue;
    float share[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      state.total[r] += ofLane(state.total[r], 1);
      state.total[r] += ofLane(state.total[r], 2);
      share[r] = isPadding ? 0 : factor / state.total[r];
    }
    // The tile's queries are in registers: its rows of shared memory hold the result until it is written, a row at a time.
    const int local = (tile - firstTile) * 16;
#pragma unroll
    for (int i = 0; i < SIZE / 8; i++) {
#if OUT8
      const int at = i % 2 * 4 + quad;
      ((u16*)placeOf(queryRows, local + group, i / 2))[at] = packEight(state.sums[i][0] * share[0], state.sums[i][1] * share[0]);
      ((u16*)placeOf(queryRows, local + group + 8, i / 2))[at] =
          packEight(state.sums[i][2] * share[1], state.sums[i][3] * share[1]);
#else
      ((u32*)placeOf(queryRows, local + group, i))[quad] = pack(state.sums[i][0] * share[0], state.sums[i][1] * share[0]);
      ((u32*)placeOf(queryRows, local + group + 8, i))[quad] = pack(state.sums[i][2] * share[1], state.sums[i][3] * share[1]);
#endif
    }
    waitForWarp();
    for (int unit = lane; unit < 16 * outPieces; unit += 32) {
      const int at = unit / outPieces, piece = unit % outPieces;
      if (tile * 16 + at < tokens)
        outOfHead[(long long)(tile * 16 + at) * heads * outPieces + piece] = *placeOf(queryRows, local + at, piece);
    }
  }
}
