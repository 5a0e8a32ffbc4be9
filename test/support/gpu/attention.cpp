// Runs attention.cu on the CPU, block after block, with every thread of a block as a coroutine, and compares it with the
// definition of attention in double precision. The primitives are those of the PTX ISA: what a lane holds of a matrix
// (ldmatrix, mma.m16n8k16) is written down here from its figures.
//
// Usage: attention ROWS TOKENS HEADS TILES_PER_BLOCK, compiled with SIZE, ROTARY, ALIBI, HALF and OUT8. Prints a line of JSON.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 128
#include "block.h"
#include "eight.h"

#define IS_GPU 0
#define SHARED_MEMORY(name) Quad* name = (Quad*)sharedMemory

static unsigned char* sharedMemory;

#if HALF
static const uint16_t NOT_A_NUMBER = 0x7e00;
static uint16_t rounded(float value) {
  const _Float16 half = (_Float16)value;
  uint16_t bits;
  memcpy(&bits, &half, 2);
  return bits;
}
static float widened(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, 2);
  return (float)value;
}
#else
static const uint16_t NOT_A_NUMBER = 0x7fc0;
static uint16_t rounded(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (value != value) return NOT_A_NUMBER;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static float widened(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }
#endif

struct Quad;

// Copies arrive at the last moment, when they are waited for: whoever reads too early sees it.
struct Copy {
  int thread;
  int group;
  void* to;
  const void* from;
};
static Copy underWay[1 << 15];
static int copies;
static int groups[BLOCK];

static void copyLater(void* to, const void* from, bool isThere) {
  aligned(to);
  aligned(from);
  underWay[copies++] = {current, groups[current], to, isThere ? from : nullptr};
}

static void endOfGroup() { groups[current]++; }

template <int LEFT>
static void waitForCopies() {
  int later = 0;
  for (int i = 0; i < copies; i++) {
    const Copy copy = underWay[i];
    if (copy.thread != current || copy.group >= groups[current] - LEFT) {
      underWay[later++] = copy;
    } else if (copy.from) {
      memcpy(copy.to, copy.from, 16);
    } else {
      memset(copy.to, 0, 16);
    }
  }
  copies = later;
}

static const uint16_t* rowsOfLanes[BLOCK];
static void loadMatrices(uint32_t (&out)[4], const void* row, bool isTransposed = false) {
  aligned(row);
  rowsOfLanes[current] = (const uint16_t*)row;
  waitForWarp();
  const int warp = current / LANES * LANES, lane = current % LANES;
  for (int matrix = 0; matrix < 4; matrix++) {
    uint32_t pair = 0;
    for (int i = 0; i < 2; i++) {
      int at = lane / 4, column = lane % 4 * 2 + i;
      if (isTransposed) at = lane % 4 * 2 + i, column = lane / 4;
      pair |= (uint32_t)rowsOfLanes[warp + matrix * 8 + at][column] << 16 * i;
    }
    out[matrix] = pair;
  }
  waitForWarp();
}
static void loadTransposed(uint32_t (&out)[4], const void* row) { loadMatrices(out, row, true); }

static uint32_t lefts[BLOCK][4], rights[BLOCK][2];
static void multiply(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  memcpy(lefts[current], a, sizeof a);
  rights[current][0] = b0;
  rights[current][1] = b1;
  waitForWarp();
  const int warp = current / LANES * LANES, lane = current % LANES;
  for (int i = 0; i < 4; i++) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; k++) {
      const uint32_t left = lefts[warp + row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
      const uint32_t right = rights[warp + column * 4 + k % 8 / 2][k / 8];
      sum[i] += widened(left >> 16 * (k % 2)) * widened(right >> 16 * (k % 2));
    }
  }
  waitForWarp();
}

static float power(float x) { return exp2f(x); }
static uint32_t pack(float low, float high) { return rounded(low) | (uint32_t)rounded(high) << 16; }
static Quad constant(const void* from);
static float fromHalf(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, 2);
  return (float)value;
}

#include "../../../model_repository/python/attention.cu"

static Quad constant(const void* from) {
  aligned(from);
  return *(const Quad*)from;
}

static int rows, tokens, heads, tilesPerBlock;
static uint16_t* qkv;
#if OUT8
typedef uint8_t Result;
static float factor = 16;
static const uint8_t NEVER_WRITTEN = 0x7f;
static double result(const Result* at) { return ofEight(*at) / factor; }
#else
typedef uint16_t Result;
static const uint16_t NEVER_WRITTEN = NOT_A_NUMBER;
static double result(const Result* at) { return widened(*at); }
#endif
static Result* out;
static int* lengths;
static float* slopes;
static _Float16* waves;

static double angle(int position, int i) { return position * pow(10000, -2.0 * i / SIZE); }

static void run() {
  const void* positions = ROTARY ? (const void*)waves : slopes;
  attention(qkv, lengths, positions, out, tokens, heads, 1.44269504f / sqrtf(SIZE), tilesPerBlock
#if OUT8
            ,
            &factor
#endif
  );
}

// A query, key or value of the input.
static double part(int row, int token, int which, int head, int i) {
  return widened(qkv[(((size_t)row * tokens + token) * 3 + which) * heads * SIZE + head * SIZE + i]);
}

static void turned(double* x, int row, int token, int which, int head) {
  for (int i = 0; i < SIZE; i++) x[i] = part(row, token, which, head, i);
  for (int i = 0; ROTARY && i < SIZE / 2; i++) {
    const double c = cos(angle(token, i)), s = sin(angle(token, i)), a = x[i], b = x[i + SIZE / 2];
    x[i] = a * c - b * s;
    x[i + SIZE / 2] = b * c + a * s;
  }
}

int main(int, char** arguments) {
  rows = atoi(arguments[1]), tokens = atoi(arguments[2]), heads = atoi(arguments[3]), tilesPerBlock = atoi(arguments[4]);
  const int width = heads * SIZE;
  const size_t inputs = (size_t)rows * tokens * 3 * width, outputs = inputs / 3;
  srand(7);
  lengths = array<int>(rows);
  for (int row = 0; row < rows; row++) lengths[row] = row == 0 ? tokens : 1 + rand() % tokens;
  // Padding holds NaN, and so does what was never written: none may come out.
  qkv = array<uint16_t>(inputs);
  for (size_t i = 0; i < inputs; i++) {
    const int token = i / (3 * width) % tokens, row = i / (3 * width) / tokens;
    qkv[i] = token < lengths[row] ? rounded(rand() / (float)RAND_MAX * 4 - 2) : NOT_A_NUMBER;
  }
  out = array<Result>(outputs);
  for (size_t i = 0; i < outputs; i++) out[i] = NEVER_WRITTEN;
  slopes = array<float>(heads);
  for (int head = 0; head < heads; head++) slopes[head] = exp2f(-8.0f * (head + 1) / heads);
  waves = array<_Float16>((size_t)tokens * SIZE);
  for (int i = 0; i < tokens * SIZE / 2; i++) {
    const double turn = angle(i / (SIZE / 2), i % (SIZE / 2));
    waves[2 * i] = (_Float16)cos(turn);
    waves[2 * i + 1] = (_Float16)sin(turn);
  }

  const int tiles = (tokens + 15) / 16;
  const size_t bytes = 2 * SIZE * (16 * tilesPerBlock + 2 * (16 * tiles < CHUNK ? 16 * tiles : CHUNK));
  sharedMemory = array<unsigned char>(bytes);
  body = run;
  for (blockIdx.z = 0; blockIdx.z < rows; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < heads; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < (tiles + tilesPerBlock - 1) / tilesPerBlock; blockIdx.x++) {
        memset(sharedMemory, 0xff, bytes);
        runBlock();
      }

  double difference = 0, size = 0, query[SIZE];
  double* keys = array<double>((size_t)tokens * SIZE);
  double* weights = array<double>(tokens);
  int notFinite = 0;
  for (int row = 0; row < rows; row++)
    for (int head = 0; head < heads; head++) {
      for (int token = 0; token < lengths[row]; token++) turned(keys + token * SIZE, row, token, 1, head);
      for (int token = 0; token < tokens; token++) {
        const Result* found = out + ((size_t)row * tokens + token) * width + head * SIZE;
        for (int i = 0; i < SIZE; i++) notFinite += !isfinite(result(found + i));
        if (token >= lengths[row]) continue;
        turned(query, row, token, 0, head);
        double total = 0;
        for (int key = 0; key < lengths[row]; key++) {
          double score = 0;
          for (int i = 0; i < SIZE; i++) score += query[i] * keys[key * SIZE + i];
          score = score / sqrt(SIZE) - (ALIBI ? slopes[head] * abs(key - token) : 0);
          weights[key] = exp(score);
          total += weights[key];
        }
        for (int i = 0; i < SIZE; i++) {
          double expected = 0;
          for (int key = 0; key < lengths[row]; key++) expected += weights[key] / total * part(row, key, 2, head, i);
          difference += pow(result(found + i) - expected, 2);
          size += expected * expected;
        }
      }
    }
  printf("{\"relativeError\": %.6f, \"notFinite\": %d}\n", sqrt(difference / size), notFinite);
}
