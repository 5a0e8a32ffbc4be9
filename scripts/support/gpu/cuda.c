// The part of NVIDIA's driver that src/server/engines/python asks which GPU it builds for; see gpus.h.
//   cc -O2 -shared -fPIC -o libcuda.so.1 cuda.c

#include "gpus.h"

enum { OK = 0, INVALID_VALUE = 1, NO_DEVICE = 100, INVALID_DEVICE = 101 };

int cuInit(unsigned flags) { return flags != 0 ? INVALID_VALUE : gpus() > 0 ? OK : NO_DEVICE; }
int cuDriverGetVersion(int *version) { *version = 12080; return OK; }
int cuDeviceGetCount(int *count) { *count = gpus() < 0 ? 0 : gpus(); return OK; }
int cuDeviceGet(int *device, int number) {
  if (number < 0 || number >= gpus()) return INVALID_DEVICE;
  *device = number;
  return OK;
}
int cuDeviceGetName(char *name, int length, int device) {
  if (device < 0 || device >= gpus()) return INVALID_DEVICE;
  snprintf(name, length, "%s", visible[device]->name);
  return OK;
}
// GPU-XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX as 16 bytes.
int cuDeviceGetUuid(unsigned char *uuid, int device) {
  if (device < 0 || device >= gpus()) return INVALID_DEVICE;
  const char *digits = strchr(visible[device]->uuid, '-');
  for (int i = 0; i < 16 && digits != NULL; i++) {
    digits += strspn(digits, "-");
    unsigned byte = 0;
    sscanf(digits, "%2x", &byte);
    uuid[i] = byte;
    digits += 2;
  }
  return OK;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (device < 0 || device >= gpus()) return INVALID_DEVICE;
  if (attribute != 16 && attribute != 75 && attribute != 76) return INVALID_VALUE;
  int major = visible[device]->major, minor = visible[device]->minor;
  // Multiprocessors of an H200, an A100 and an L4.
  *value = attribute == 75 ? major : attribute == 76 ? minor : major == 8 ? (minor == 0 ? 108 : 58) : 132;
  return OK;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  if (device < 0 || device >= gpus()) return INVALID_DEVICE;
  *bytes = visible[device]->bytes;
  return OK;
}
int cuGetErrorString(int code, const char **text) {
  *text = code == NO_DEVICE ? "no CUDA-capable device is detected" : "invalid device ordinal";
  return OK;
}
// A thread has no context here before it uses the runtime.
int cuCtxGetCurrent(void **context) { *context = NULL; return OK; }
int cuCtxGetDevice(int *device) { *device = 0; return OK; }
