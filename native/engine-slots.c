// Files and memory that a ring knows already: one table each, whose slots requests name.
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "engine.h"

#ifndef IORING_RSRC_REGISTER_SPARSE
#define IORING_RSRC_REGISTER_SPARSE (1u << 0)
#endif

void engine_reserve_slots(struct engine *engine) {
  int none[FILE_SLOTS];
  for (int slot = 0; slot < FILE_SLOTS; slot++) none[slot] = engine->files[slot].fd = -1;
  engine->files_refusal = ring_register(&engine->ring, IORING_REGISTER_FILES, none, FILE_SLOTS);
  struct io_uring_rsrc_register table = {.nr = BUFFER_SLOTS};
  // Called otherwise in older headers: the word behind the number of slots.
  memcpy((char *)&table + sizeof table.nr, &(uint32_t){IORING_RSRC_REGISTER_SPARSE}, sizeof(uint32_t));
  engine->buffers_refusal = ring_register(&engine->ring, IORING_REGISTER_BUFFERS2, &table, sizeof table);
}

void engine_release_buffers(struct engine *engine) {
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    struct buffer_slot *buffer = &engine->buffers[slot];
    if (buffer->start != NULL) napi_delete_reference(engine->addon->env, buffer->memory);
  }
}

static int update_file(struct engine *engine, int slot, int fd) {
  struct io_uring_files_update update = {.offset = (unsigned)slot, .fds = (uint64_t)(uintptr_t)&fd};
  int count = ring_register(&engine->ring, IORING_REGISTER_FILES_UPDATE, &update, 1);
  if (count < 0) return count;
  engine->files[slot].fd = fd;
  return 0;
}

int engine_register_file(struct engine *engine, int fd) {
  if (engine->files_refusal < 0) return engine->files_refusal;
  if (fd < 0) return -EBADF; // -1 would empty the slot
  for (int slot = 0; slot < FILE_SLOTS; slot++) {
    if (engine->files[slot].fd != -1) continue;
    int failure = update_file(engine, slot, fd);
    return failure < 0 ? failure : slot;
  }
  return -ENFILE;
}

int engine_unregister_file(struct engine *engine, int slot) {
  if (slot < 0 || slot >= FILE_SLOTS || engine->files[slot].fd == -1) return -EBADF;
  return engine->files[slot].uses > 0 ? -EBUSY : update_file(engine, slot, -1);
}

static int update_buffer(struct engine *engine, int slot, const uint8_t *start, size_t length) {
  struct iovec memory = {(void *)(uintptr_t)start, length};
  struct io_uring_rsrc_update2 update = {.offset = (unsigned)slot, .data = (uint64_t)(uintptr_t)&memory, .nr = 1};
  int count = ring_register(&engine->ring, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update);
  return count < 0 ? count : 0;
}

int engine_register_buffer(struct engine *engine, napi_value memory, struct bytes bytes) {
  if (engine->buffers_refusal < 0) return engine->buffers_refusal;
  if (bytes.length == 0) return -EINVAL;
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    struct buffer_slot *buffer = &engine->buffers[slot];
    if (buffer->start != NULL) continue;
    int failure = update_buffer(engine, slot, bytes.start, bytes.length);
    if (failure < 0) return failure;
    if (napi_create_reference(engine->addon->env, memory, 1, &buffer->memory) != napi_ok) {
      update_buffer(engine, slot, NULL, 0);
      return -ENOMEM;
    }
    buffer->start = bytes.start;
    buffer->length = bytes.length;
    return slot;
  }
  return -ENFILE;
}

int engine_unregister_buffer(struct engine *engine, int slot) {
  if (slot < 0 || slot >= BUFFER_SLOTS || engine->buffers[slot].start == NULL) return -EINVAL;
  struct buffer_slot *buffer = &engine->buffers[slot];
  if (buffer->uses > 0) return -EBUSY;
  int failure = update_buffer(engine, slot, NULL, 0);
  if (failure < 0) return failure;
  napi_delete_reference(engine->addon->env, buffer->memory);
  buffer->start = NULL;
  return 0;
}

static int buffer_slot_of(const struct engine *engine, const uint8_t *start, size_t length) {
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    const struct buffer_slot *buffer = &engine->buffers[slot];
    if (buffer->start == NULL || start < buffer->start) continue;
    size_t offset = (size_t)(start - buffer->start);
    if (offset <= buffer->length && length <= buffer->length - offset) return slot;
  }
  return NO_SLOT;
}

void engine_take_slots(struct engine *engine, struct operation *operation, int file_slot) {
  size_t length = (size_t)operation->wanted.length;
  operation->file_slot = file_slot;
  operation->buffer_slot = length > 0 ? buffer_slot_of(engine, operation->wanted.bytes, length) : NO_SLOT;
  if (file_slot != NO_SLOT) engine->files[file_slot].uses++;
  if (operation->buffer_slot != NO_SLOT) engine->buffers[operation->buffer_slot].uses++;
}

void engine_drop_slots(struct engine *engine, struct operation *operation) {
  if (operation->file_slot != NO_SLOT) engine->files[operation->file_slot].uses--;
  if (operation->buffer_slot != NO_SLOT) engine->buffers[operation->buffer_slot].uses--;
}
