// The part of the CUDA runtime that model_repository/python/cuda_runtime.py calls, for machines without a GPU: streams are
// threads that work through a queue, memory is that of the host, and a "kernel" takes as long as it is told.
// It is strict where a GPU would only sometimes be: wrong device, sizes, event flags and handles are errors.
// Its GPUs are those of gpus.h, or else one that has number 1. With STANDIN_CLOCK a kernel takes no time and only seems to.
//   cc -O2 -shared -fPIC -pthread -o libcudart.so.12 cudart.c

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gpus.h"

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_HANDLE = 400, ILLEGAL_ADDRESS = 700 };
enum { ONLY_DEVICE = 1, TIMELESS = 2, MAGIC = 0x6d656d };
enum { FAULT_ID = 32, NAN_ID = 31 };

typedef struct { size_t magic, size; } Block;
typedef struct { int flags; long recorded, happened; double at; } Event;
typedef struct Task {
  enum { COPY, RECORD, FOLLOW, KERNEL, CALL } kind;
  void *target;
  const void *source;
  size_t size;
  Event *event;
  long ticket;
  const int32_t *ids, *lengths;
  float *embedding;
  int rows, tokens, width;
  double milliseconds;
  void (*function)(void *);
  struct Task *next;
} Task;
typedef struct { Task *first, *last; } Stream;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int sticky;
static __thread int current = -1;
// Milliseconds that kernels only seemed to take.
static double skipped;

static int known(int device) { return gpus() < 0 ? device == ONLY_DEVICE : device >= 0 && device < gpus(); }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return skipped + 1e3 * t.tv_sec + 1e-6 * t.tv_nsec;
}

static void compute(const Task *t) {
  double end = now() + t->milliseconds;
  if (t->ids[0] == FAULT_ID) {
    pthread_mutex_lock(&lock);
    sticky = ILLEGAL_ADDRESS;
    pthread_mutex_unlock(&lock);
  }
  for (int row = 0; row < t->rows; row++) {
    float sum = 0;
    for (int i = 0; i < t->lengths[row]; i++) sum += t->ids[row * t->tokens + i];
    if (t->ids[row * t->tokens] == NAN_ID) sum = NAN;
    for (int i = 0; i < t->width; i++) t->embedding[row * t->width + i] = sum + i;
  }
  if (getenv("STANDIN_CLOCK") != NULL) {
    pthread_mutex_lock(&lock);
    skipped += t->milliseconds;
    pthread_mutex_unlock(&lock);
    return;
  }
  struct timespec until = {(time_t)(end / 1e3), (long)(fmod(end, 1e3) * 1e6)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

static void *work(void *argument) {
  Stream *stream = argument;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (stream->first == NULL) pthread_cond_wait(&changed, &lock);
    Task *t = stream->first;
    if (t->kind == FOLLOW) {
      while (t->event->happened < t->ticket) pthread_cond_wait(&changed, &lock);
    } else if (t->kind == RECORD) {
      t->event->happened = t->ticket;
      t->event->at = now();
    } else {
      pthread_mutex_unlock(&lock);
      if (t->kind == COPY) memcpy(t->target, t->source, t->size);
      else if (t->kind == CALL) t->function(t->target);
      else compute(t);
      pthread_mutex_lock(&lock);
    }
    stream->first = t->next;
    free(t);
    pthread_cond_broadcast(&changed);
  }
  return NULL;
}

static int queue(Stream *stream, Task task) {
  if (stream == NULL) return INVALID_HANDLE;
  if (!known(current)) return INVALID_DEVICE;
  Task *t = malloc(sizeof *t);
  *t = task;
  t->next = NULL;
  pthread_mutex_lock(&lock);
  if (t->kind == RECORD) t->ticket = ++t->event->recorded;
  if (t->kind == FOLLOW) t->ticket = t->event->recorded;
  if (stream->first == NULL) stream->first = t;
  else stream->last->next = t;
  stream->last = t;
  int code = sticky;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return code;
}

static int allocate(void **pointer, size_t size) {
  if (!known(current)) return INVALID_DEVICE;
  Block *block = malloc(sizeof *block + size);
  if (block == NULL) return OUT_OF_MEMORY;
  *block = (Block){MAGIC, size};
  *pointer = block + 1;
  return sticky;
}

static int holds(const void *pointer, size_t size) {
  const Block *block = (const Block *)pointer - 1;
  return block->magic == MAGIC && size <= block->size;
}

const char *cudaGetErrorString(int code) {
  return code == ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
         : code == OUT_OF_MEMORY ? "out of memory"
                                 : "invalid argument";
}
int cudaSetDevice(int device) {
  if (!known(device)) return INVALID_DEVICE;
  current = device;
  return OK;
}
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  if (!known(device) || (attribute != 75 && attribute != 76)) return INVALID_VALUE;
  if (gpus() < 0) *value = attribute == 75 ? 9 : 0;
  else *value = attribute == 75 ? visible[device]->major : visible[device]->minor;
  return OK;
}
int cudaGetDevice(int *device) { *device = current; return OK; }
int cudaMemGetInfo(size_t *free, size_t *all) {
  if (!known(current)) return INVALID_DEVICE;
  *free = *all = gpus() < 0 ? 1 << 30 : visible[current]->bytes;
  return OK;
}
int cudaMalloc(void **pointer, size_t size) { return allocate(pointer, size); }
int cudaMallocHost(void **pointer, size_t size) { return allocate(pointer, size); }
int cudaFree(void *pointer) { free((Block *)pointer - 1); return OK; }
int cudaStreamCreateWithFlags(Stream **stream, unsigned flags) {
  pthread_t thread;
  if (!known(current) || flags > 1) return INVALID_VALUE;
  *stream = calloc(1, sizeof **stream);
  return pthread_create(&thread, NULL, work, *stream) || pthread_detach(thread);
}
int cudaStreamSynchronize(Stream *stream) {
  pthread_mutex_lock(&lock);
  while (stream->first != NULL) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return sticky;
}
int cudaMemcpyAsync(void *target, const void *source, size_t size, int kind, Stream *stream) {
  if ((kind != 1 && kind != 2) || !holds(target, size) || !holds(source, size)) return INVALID_VALUE;
  return queue(stream, (Task){.kind = COPY, .target = target, .source = source, .size = size});
}
int cudaLaunchHostFunc(Stream *stream, void (*function)(void *), void *data) {
  return queue(stream, (Task){.kind = CALL, .target = data, .function = function});
}
int cudaEventCreateWithFlags(Event **event, unsigned flags) {
  if (!known(current) || flags > 3) return INVALID_VALUE;
  *event = calloc(1, sizeof **event);
  (*event)->flags = flags;
  return sticky;
}
int cudaEventRecord(Event *event, Stream *stream) { return queue(stream, (Task){.kind = RECORD, .event = event}); }
int cudaStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
  if (flags != 0) return INVALID_VALUE;
  return queue(stream, (Task){.kind = FOLLOW, .event = event});
}
int cudaEventSynchronize(Event *event) {
  pthread_mutex_lock(&lock);
  for (long ticket = event->recorded; event->happened < ticket;) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return sticky;
}
int cudaEventElapsedTime(float *milliseconds, const Event *start, const Event *end) {
  if ((start->flags | end->flags) & TIMELESS) return INVALID_HANDLE;
  *milliseconds = end->at - start->at;
  return OK;
}

// What a plan is here: each number of a row's embedding is the sum of its ids plus the number's index.
int launch(Stream *stream, const int32_t *ids, const int32_t *lengths, float *embedding, int rows, int tokens, int width,
           double milliseconds) {
  if (!holds(ids, 4ul * rows * tokens) || !holds(lengths, 4ul * rows) || !holds(embedding, 4ul * rows * width))
    return INVALID_VALUE;
  return queue(stream, (Task){.kind = KERNEL, .ids = ids, .lengths = lengths, .embedding = embedding, .rows = rows,
                              .tokens = tokens, .width = width, .milliseconds = milliseconds});
}
