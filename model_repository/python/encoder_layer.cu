// What is between the FP8 products of an encoder layer: layer normalization and GELU, each together with the rounding to FP8
// (E4M3), so that nothing in between is written to memory. For GPUs of compute capability 8.9 and later.
//
// Setting of the compiler: WIDTH, numbers of a token, a multiple of 8.
// Where IS_GPU is 0 a test compiles this for the CPU and brings its own versions of the primitives below.

#ifndef IS_GPU
#define IS_GPU 1
#endif

typedef unsigned int u32;
typedef unsigned short u16;

// Tokens that a block of normQuantize takes, one for each warp.
#define ROWS 8
// Pieces of 8 numbers in a token, and how many of them a lane has.
#define PIECES (WIDTH / 8)
#define OF_LANE ((PIECES + 31) / 32)

struct alignas(16) Quad {
  u32 x, y, z, w;
};
struct alignas(8) Pair {
  u32 x, y;
};

#if IS_GPU
__device__ __forceinline__ float ofLane(float value, int distance) {
  return __shfl_xor_sync(0xffffffffu, value, distance);
}

// Two numbers rounded to FP8, the first in the lower half; what is too large becomes the largest.
__device__ __forceinline__ u32 packEight(float low, float high) {
  u16 result;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(result) : "f"(high), "f"(low));
  return result;
}

// Numbers that nobody writes while the kernel runs.
__device__ __forceinline__ Quad constant(const void* from) {
  Quad result;
  asm("ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];"
      : "=r"(result.x), "=r"(result.y), "=r"(result.z), "=r"(result.w)
      : "l"(from));
  return result;
}

__device__ __forceinline__ float power(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

__device__ __forceinline__ float reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
#endif

__device__ __forceinline__ float lowOf(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float highOf(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

__device__ __forceinline__ void widen(float (&out)[8], const Quad& in) {
  out[0] = lowOf(in.x), out[1] = highOf(in.x), out[2] = lowOf(in.y), out[3] = highOf(in.y);
  out[4] = lowOf(in.z), out[5] = highOf(in.z), out[6] = lowOf(in.w), out[7] = highOf(in.w);
}

__device__ __forceinline__ Pair inEight(const float (&x)[8]) {
  return {packEight(x[0], x[1]) | packEight(x[2], x[3]) << 16, packEight(x[4], x[5]) | packEight(x[6], x[7]) << 16};
}

__device__ __forceinline__ float overWarp(float sum) {
  for (int distance = 16; distance > 0; distance /= 2) sum += ofLane(sum, distance);
  return sum;
}

// x        BF16 [count,WIDTH]
// weight, bias  BF16 [WIDTH]
// quantize FP32 [1]: what results are multiplied by before they are rounded
// epsilon  FP32 [1]: added to the variance
// out      FP8 [count,WIDTH]: x normalized (Ba et al. 2016, arXiv:1607.06450), with mean and variance in FP32
// Grid [count / ROWS].
extern "C" __global__ void __launch_bounds__(32 * ROWS, OF_LANE > 10 ? 1 : 2)
normQuantize(const u16* x, const u16* weight, const u16* bias, const float* quantize, const float* epsilon, void* out,
             int count) {
  const int row = blockIdx.x * ROWS + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= count) return;
  const u16* from = x + (long long)row * WIDTH;
  Pair* to = (Pair*)out + (long long)row * PIECES;
  Quad own[OF_LANE];
#pragma unroll
  for (int i = 0; i < OF_LANE; i++)
    if (i * 32 + lane < PIECES)
      own[i] = *(const Quad*)(from + (i * 32 + lane) * 8);
    else
      own[i] = {0, 0, 0, 0};
  const float factor = *quantize, least = *epsilon;

  float sum = 0;
#pragma unroll
  for (int i = 0; i < OF_LANE; i++) {
    float values[8];
    widen(values, own[i]);
#pragma unroll
    for (int j = 0; j < 8; j++) sum += values[j];
  }
  const float mean = overWarp(sum) / WIDTH;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < OF_LANE; i++) {
    if (i * 32 + lane >= PIECES) continue;
    float values[8];
    widen(values, own[i]);
#pragma unroll
    for (int j = 0; j < 8; j++) squares += (values[j] - mean) * (values[j] - mean);
  }
  const float share = 1 / sqrtf(overWarp(squares) / WIDTH + least);
#pragma unroll
  for (int i = 0; i < OF_LANE; i++) {
    const int piece = i * 32 + lane;
    if (piece >= PIECES) continue;
    float values[8], weights[8], biases[8];
    widen(values, own[i]);
    widen(weights, constant(weight + piece * 8));
    widen(biases, constant(bias + piece * 8));
#pragma unroll
    for (int j = 0; j < 8; j++) values[j] = ((values[j] - mean) * share * weights[j] + biases[j]) * factor;
    to[piece] = inEight(values);
  }
}

// x/2 (1 + erf(x / sqrt 2)) as x / (1 + 2^p(x)), p being odd and fitted to it: within 2e-5 everywhere, where the usual cubic
// (Hendrycks & Gimpel 2016, arXiv:1606.08415) is within 5e-4. Beyond 4.5 it is x or 0 by as much.
__device__ __forceinline__ float gelu(float x) {
  const float square = fminf(x * x, 20.25f);
  const float exponent = x * (-2.30164994f + square * (-0.105978207f + square * (0.000734338787f + square * 2.50057656e-05f)));
  return x * reciprocal(1 + power(exponent));
}

// x        BF16 [pieces*16], results of a product
// out      FP8 [pieces*16]: GELU of them, multiplied by `quantize`
// Grid [pieces / 256].
extern "C" __global__ void __launch_bounds__(256)
geluQuantize(const u16* x, const float* quantize, void* out, long long pieces) {
  const long long piece = (long long)blockIdx.x * 256 + threadIdx.x;
  if (piece >= pieces) return;
  const Quad* from = (const Quad*)x + piece * 2;
  const Quad quads[2] = {from[0], from[1]};
  const float factor = *quantize;
  Pair pairs[2];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    float values[8];
    widen(values, quads[i]);
#pragma unroll
    for (int j = 0; j < 8; j++) values[j] = gelu(values[j]) * factor;
    pairs[i] = inEight(values);
  }
  ((Quad*)out)[piece] = {pairs[0].x, pairs[0].y, pairs[1].x, pairs[1].y};
}
