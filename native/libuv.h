// As much of libuv as is used here. Node exports it from its binary, but node-api-headers has no uv.h. These declarations and
// numbers are part of the stable interface of libuv 1.x; scripts/check-native.js holds them against Node's own uv.h.
#ifndef FSYS_LIBUV_H
#define FSYS_LIBUV_H

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_req_s uv_req_t;
typedef struct uv_work_s uv_work_t;

enum { FSYS_UV_POLL = 8, FSYS_UV_WORK = 7, FSYS_UV_READABLE = 1 };

size_t uv_handle_size(unsigned type);
void *uv_handle_get_data(const uv_handle_t *handle);
void uv_handle_set_data(uv_handle_t *handle, void *data);
void uv_ref(uv_handle_t *handle);
void uv_unref(uv_handle_t *handle);
void uv_close(uv_handle_t *handle, void (*closed)(uv_handle_t *handle));

int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
int uv_poll_start(uv_poll_t *handle, int events, void (*happened)(uv_poll_t *handle, int status, int events));

size_t uv_req_size(unsigned type);
void *uv_req_get_data(const uv_req_t *request);
void uv_req_set_data(uv_req_t *request, void *data);
int uv_cancel(uv_req_t *request);
int uv_queue_work(uv_loop_t *loop, uv_work_t *work, void (*run)(uv_work_t *work),
                  void (*ended)(uv_work_t *work, int status));

#endif
