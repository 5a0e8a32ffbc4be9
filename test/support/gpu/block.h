// Runs the kernels of a GPU on the CPU, block after block, with every one of the BLOCK threads of a block as a coroutine.
#include <ucontext.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)

static const int LANES = 32, STACK = 1 << 16;
static struct { int x, y, z; } threadIdx, blockIdx;

template <class T>
static T* array(size_t count) {
  return (T*)aligned_alloc(16, (count * sizeof(T) + 15) / 16 * 16);
}

static float __uint_as_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// Threads of a block: each runs until it waits for the others.
static struct Thread {
  ucontext_t context;
  char* stack;
  bool isDone;
} threads[BLOCK];
static ucontext_t scheduler;
static int current;
static void (*body)();

struct Barrier {
  int members, arrived, round;
  void wait() {
    const int mine = round;
    if (++arrived == members) {
      arrived = 0;
      round++;
    }
    while (round == mine) swapcontext(&threads[current].context, &scheduler);
  }
};
static Barrier warps[BLOCK / LANES];
static Barrier wholeBlock;

static void entry() {
  body();
  threads[current].isDone = true;
  swapcontext(&threads[current].context, &scheduler);
}

static void runBlock() {
  for (Barrier& warp : warps) warp = {LANES, 0, 0};
  wholeBlock = {BLOCK, 0, 0};
  for (Thread& thread : threads) {
    if (!thread.stack) thread.stack = array<char>(STACK);
    thread.isDone = false;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack;
    thread.context.uc_stack.ss_size = STACK;
    makecontext(&thread.context, entry, 0);
  }
  for (int round = 0, left = BLOCK; left > 0; round++) {
    if (round > 1000000) {
      fprintf(stderr, "the threads of a block wait for each other\n");
      exit(1);
    }
    left = 0;
    for (int i = 0; i < BLOCK; i++) {
      if (threads[i].isDone) continue;
      current = threadIdx.x = i;
      swapcontext(&scheduler, &threads[i].context);
      left += !threads[i].isDone;
    }
  }
}

static void __syncthreads() { wholeBlock.wait(); }
static void waitForWarp() { warps[current / LANES].wait(); }

static float numbers[BLOCK];
static float ofLane(float value, int distance) {
  numbers[current] = value;
  waitForWarp();
  const float other = numbers[current ^ distance];
  waitForWarp();
  return other;
}

static void aligned(const void* address) {
  if ((uintptr_t)address % 16 == 0) return;
  fprintf(stderr, "an address of 16 bytes is not aligned\n");
  exit(1);
}
