// What says which TensorRT a server has: STANDIN_TENSORRT, such as 10.6.0.
//   cc -O2 -shared -fPIC -o libnvinfer.so.10 nvinfer.c

#include <stdio.h>
#include <stdlib.h>

int getInferLibVersion(void) {
  int major = 10, minor = 6, patch = 0;
  const char *version = getenv("STANDIN_TENSORRT");
  if (version != NULL) sscanf(version, "%d.%d.%d", &major, &minor, &patch);
  return 10000 * major + 100 * minor + patch;
}
