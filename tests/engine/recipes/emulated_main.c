/* Calls one function that TVM compiled, without TVM's runtime: what the emulated tests link their objects with.

   Usage: program NAME < tensors > result. The input holds how many tensors there are, then for each its number of
   axes, its shape (all int64) and its float32 elements; the last is the output, which is written out afterwards.
   FUNCTIONS, given to the compiler, is X(name) for each function of the object.

   Compiled code reaches the runtime through pointers that the object declares weakly and the runtime's loader
   fills in. Here they point to serial stand-ins. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dlpack/dlpack.h>
#include <tvm/ffi/c_api.h>

#define TASKS 4
#define MOST 16
#define ALIGNMENT 64

typedef struct {
  void *sync_handle;
  int32_t num_task;
} ParallelGroup;
typedef int (*Task)(int task, ParallelGroup *group, void *data);

static int launch(Task task, void *data, int count) {
  ParallelGroup group = {NULL, count > 0 ? count : TASKS};
  for (int i = 0; i < group.num_task; i++) {
    int status = task(i, &group, data);
    if (status != 0) return status;
  }
  return 0;
}

static void *aligned(uint64_t bytes) {
  uint64_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  void *found = aligned_alloc(ALIGNMENT, rounded);
  if (found == NULL) exit(3);
  memset(found, 0xff, rounded); /* not a number: what a kernel forgets to write shows */
  return found;
}

static void *alloc_workspace(int device, int id, uint64_t bytes, int code, int bits) { return aligned(bytes); }

static int free_workspace(int device, int id, void *memory) {
  free(memory);
  return 0;
}

int (*__TVMBackendParallelLaunch)(Task, void *, int) = launch;
void *(*__TVMBackendAllocWorkspace)(int, int, uint64_t, int, int) = alloc_workspace;
int (*__TVMBackendFreeWorkspace)(int, int, void *) = free_workspace;

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count) {
  fprintf(stderr, "%s: ", kind);
  for (int32_t i = 0; i < count; i++) fputs(parts[i] ? parts[i] : "", stderr);
  fputc('\n', stderr);
}

#define X(name) int __tvm_ffi_##name(void *, const TVMFFIAny *, int32_t, TVMFFIAny *);
FUNCTIONS
#undef X
#define X(name) {#name, __tvm_ffi_##name},
static const struct {
  const char *name;
  TVMFFISafeCallType call;
} functions[] = {FUNCTIONS};
#undef X

static void take(void *into, size_t bytes) {
  if (fread(into, 1, bytes, stdin) != bytes) exit(4);
}

static size_t read_tensor(DLTensor *tensor) {
  int64_t axes, code, elements = 1;
  take(&axes, sizeof axes);
  take(&code, sizeof code);
  int64_t *shape = aligned(axes * sizeof *shape);
  take(shape, axes * sizeof *shape);
  for (int64_t i = 0; i < axes; i++) elements *= shape[i];
  DLDataType type = {(uint8_t)code, 32, 1};  // kDLInt or kDLFloat
  DLDevice cpu = {kDLCPU, 0};
  int64_t *strides = aligned(axes * sizeof *strides);
  int64_t step = 1;
  for (int64_t i = axes; i-- > 0; step *= shape[i]) strides[i] = step;
  *tensor = (DLTensor){aligned(elements * sizeof(float)), cpu, (int32_t)axes, type, shape, strides, 0};
  take(tensor->data, elements * sizeof(float));
  return elements;
}

int main(int count, char **arguments) {
  int64_t tensors;
  size_t elements = 0;
  DLTensor tensor[MOST];
  TVMFFIAny argument[MOST], result;
  memset(argument, 0, sizeof argument);
  memset(&result, 0, sizeof result);
  take(&tensors, sizeof tensors);
  if (count != 2 || tensors < 1 || tensors > MOST) return 5;
  for (int64_t i = 0; i < tensors; i++) {
    elements = read_tensor(&tensor[i]);
    argument[i].type_index = kTVMFFIDLTensorPtr;
    argument[i].v_ptr = &tensor[i];
  }
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    if (strcmp(functions[f].name, arguments[1]) != 0) continue;
    if (functions[f].call(NULL, argument, (int32_t)tensors, &result) != 0) return 6;
    return fwrite(tensor[tensors - 1].data, sizeof(float), elements, stdout) == elements ? 0 : 7;
  }
  return 8;
}
