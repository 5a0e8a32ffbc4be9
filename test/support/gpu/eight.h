// FP8 (E4M3) as PTX's cvt.rn.satfinite.e4m3x2 rounds to it, for kernels that a test compiles for the CPU.
#include <math.h>
#include <stdint.h>

static float ofEight(uint8_t bits) {
  if ((bits & 0x7f) == 0x7f) return NAN;
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  const float magnitude = exponent == 0 ? ldexpf(mantissa, -9) : ldexpf(8 + mantissa, exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

// The nearest, of two as near the one with an even mantissa: neighbours differ in the last bit.
static uint8_t eight(float value) {
  if (value != value) return 0x7f;
  const uint8_t sign = signbit(value) ? 0x80 : 0;
  uint8_t best = 0;
  for (uint8_t bits = 1; bits < 0x7f; bits++) {
    const float off = fabsf(fabsf(value) - ofEight(bits)), least = fabsf(fabsf(value) - ofEight(best));
    if (off < least || (off == least && bits % 2 == 0)) best = bits;
  }
  return sign | best;
}

static uint32_t packEight(float low, float high) { return eight(low) | (uint32_t)eight(high) << 8; }
