// The GPUs that a process sees on a machine of stand-ins: STANDIN_GPUS names a file with a line for each,
//   UUID|NAME|MAJOR.MINOR|BYTES|PARENT
// in the driver's order. PARENT is empty for a GPU, `mig` for one that is split, and the UUID of that one for its parts.
// CUDA_VISIBLE_DEVICES chooses as with the real driver: numbers, UUIDs or their beginnings, up to the first that is wrong.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };
typedef struct { char uuid[80], name[128], parent[80]; int major, minor; size_t bytes; } Gpu;

static Gpu listed[MOST], *visible[MOST];
static int number_listed, number_visible = -1;

static char *field(char **rest) {
  char *text = strsep(rest, "|\n");
  return text == NULL ? "" : text;
}

static int read_gpus(void) {
  FILE *file = getenv("STANDIN_GPUS") == NULL ? NULL : fopen(getenv("STANDIN_GPUS"), "r");
  if (file == NULL) return 0;
  char line[512];
  while (number_listed < MOST && fgets(line, sizeof line, file) != NULL) {
    char *rest = line;
    Gpu *gpu = &listed[number_listed];
    snprintf(gpu->uuid, sizeof gpu->uuid, "%s", field(&rest));
    snprintf(gpu->name, sizeof gpu->name, "%s", field(&rest));
    char *capability = field(&rest);
    gpu->major = atoi(capability);
    gpu->minor = strchr(capability, '.') == NULL ? 0 : atoi(strchr(capability, '.') + 1);
    gpu->bytes = strtoull(field(&rest), NULL, 10);
    snprintf(gpu->parent, sizeof gpu->parent, "%s", field(&rest));
    if (gpu->uuid[0] != 0) number_listed++;
  }
  fclose(file);
  return 1;
}

static int is_split(const Gpu *gpu) { return strcmp(gpu->parent, "mig") == 0; }
static int is_part(const Gpu *gpu) { return gpu->parent[0] != 0 && !is_split(gpu); }

static Gpu *first_part(const Gpu *gpu) {
  for (int i = 0; i < number_listed; i++)
    if (strcmp(listed[i].parent, gpu->uuid) == 0) return &listed[i];
  return NULL;
}

static Gpu *named(const char *name) {
  char *end;
  long number = strtol(name, &end, 10);
  int is_number = end != name && *end == 0;
  for (int i = 0; i < number_listed; i++) {
    Gpu *gpu = &listed[i];
    int fits = is_number ? !is_part(gpu) && number-- == 0 : strlen(name) > 4 && strncmp(gpu->uuid, name, strlen(name)) == 0;
    if (fits) return is_split(gpu) ? first_part(gpu) : gpu;
  }
  return NULL;
}

// How many there are; -1 where nothing stands in for GPUs. The first call is made while the library is loaded.
static int gpus(void) {
  if (number_visible >= 0) return number_visible;
  if (!read_gpus()) return -1;
  number_visible = 0;
  const char *wanted = getenv("CUDA_VISIBLE_DEVICES");
  if (wanted == NULL) {
    for (int i = 0; i < number_listed; i++)
      if (!is_split(&listed[i]) && !is_part(&listed[i])) visible[number_visible++] = &listed[i];
    // Without a choice, CUDA sees one part of a split GPU, and none beside whole ones.
    for (int i = 0; i < number_listed && number_visible == 0; i++)
      if (is_part(&listed[i])) visible[number_visible++] = &listed[i];
    return number_visible;
  }
  char text[4096], *rest = text, *name;
  snprintf(text, sizeof text, "%s", wanted);
  while ((name = strsep(&rest, ",")) != NULL && number_visible < MOST) {
    Gpu *gpu = named(name);
    // A process has one part of a split GPU, and nothing beside it.
    if (gpu == NULL || (number_visible > 0 && (is_part(gpu) || is_part(visible[0])))) break;
    visible[number_visible++] = gpu;
  }
  return number_visible;
}

__attribute__((constructor)) static void look(void) { gpus(); }
