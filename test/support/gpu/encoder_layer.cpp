// Runs encoder_layer.cu on the CPU and compares its kernels with their definitions in double precision, rounded to FP8.
//
// Usage: encoder_layer TOKENS, compiled with WIDTH. Prints a line of JSON: for each kernel the share of numbers that are not the
// nearest in FP8, and by how many steps at most.
#define BLOCK 256
#include "block.h"
#include "eight.h"

#define IS_GPU 0
static float power(float x) { return exp2f(x); }
static float reciprocal(float x) { return 1 / x; }
struct Quad;
static Quad constant(const void* from);

#include "../../../model_repository/python/encoder_layer.cu"

static Quad constant(const void* from) {
  aligned(from);
  return *(const Quad*)from;
}

static uint16_t rounded(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
static double widened(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }

static uint16_t* draw(size_t count, float most, float middle) {
  uint16_t* made = array<uint16_t>(count);
  for (size_t i = 0; i < count; i++) made[i] = rounded(middle + (rand() / (float)RAND_MAX * 2 - 1) * most);
  return made;
}

static int count;
static uint16_t *x, *weight, *bias;
static uint8_t* out;
static const float factor = 32, epsilon = 1e-5;

static struct Difference {
  int numbers, differ, most;
  void add(uint8_t found, double expected) {
    const int steps = abs(place(found) - place(eight(expected * factor)));
    numbers++;
    differ += steps > 0;
    most = steps > most ? steps : most;
  }
  // Of a number among all there are.
  static int place(uint8_t bits) { return bits & 0x80 ? -(bits & 0x7f) : bits; }
} norms, gelus;

static void runBlocks(int blocks) {
  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) runBlock();
}

int main(int, char** arguments) {
  count = atoi(arguments[1]);
  const size_t numbers = (size_t)count * WIDTH;
  srand(7);
  x = draw(numbers, 6, 0.5), weight = draw(WIDTH, 0.2, 1), bias = draw(WIDTH, 0.2, 0);
  // What was never written is NaN in FP8.
  out = array<uint8_t>(numbers);
  memset(out, 0x7f, numbers);
  body = [] { normQuantize(x, weight, bias, &factor, &epsilon, out, count); };
  runBlocks((count + ROWS - 1) / ROWS);
  for (int row = 0; row < count; row++) {
    double mean = 0, variance = 0;
    for (int i = 0; i < WIDTH; i++) mean += widened(x[row * WIDTH + i]) / WIDTH;
    for (int i = 0; i < WIDTH; i++) variance += pow(widened(x[row * WIDTH + i]) - mean, 2) / WIDTH;
    for (int i = 0; i < WIDTH; i++) {
      const double normal = (widened(x[row * WIDTH + i]) - mean) / sqrt(variance + epsilon);
      norms.add(out[row * WIDTH + i], normal * widened(weight[i]) + widened(bias[i]));
    }
  }

  memset(out, 0x7f, numbers);
  body = [] { geluQuantize(x, &factor, out, (long long)count * WIDTH / 16); };
  runBlocks((numbers / 16 + BLOCK - 1) / BLOCK);
  for (size_t i = 0; i < numbers; i++) {
    const double value = widened(x[i]);
    gelus.add(out[i], value / 2 * (1 + erf(value / sqrt(2))));
  }
  const double all = numbers;
  printf("{\"norm\": {\"differ\": %.6f, \"most\": %d}, \"gelu\": {\"differ\": %.6f, \"most\": %d}}\n", norms.differ / all, norms.most,
         gelus.differ / all, gelus.most);
}
