/* The Gearman protocol, as much of it as a load needs. */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger payloads are written from where they are. */
#define COPY_BYTES 4096
/* Of larger payloads only this much is compared; their length always is. */
#define COMPARE_BYTES 65536
#define NAME_BYTES 24

static char *payload;

void make_payload(void) {
  payload = malloc(options.bytes + 1);
  if (payload == NULL) fail("no memory");
  for (size_t i = 0; i < options.bytes; i++) payload[i] = (char)('a' + i % 23);
}

static void put_header(conn_t *conn, uint32_t type, size_t length) {
  uint32_t header[3] = {0, htonl(type), htonl((uint32_t)length)};
  memcpy(header, conn->role == RESPONDER ? "\0RES" : "\0REQ", 4);
  put(conn, header, sizeof header);
}

void send_packet(conn_t *conn, uint32_t type, const void *body, size_t length) {
  put_header(conn, type, length);
  put(conn, body, length);
}

static void put_payload(conn_t *conn, const char *start, size_t start_bytes) {
  put(conn, start, start_bytes);
  size_t rest = options.bytes - start_bytes;
  if (rest <= COPY_BYTES) put(conn, payload + start_bytes, rest);
  else put_outside(conn, payload + start_bytes, rest);
}

static size_t function_name(char *name, int number) {
  if (options.functions == 1) return (size_t)snprintf(name, NAME_BYTES, "echo");
  return (size_t)snprintf(name, NAME_BYTES, "echo-%06d", number);
}

/* The next one in an order without a pattern, the same in each run. */
static int next_function(void) {
  static uint32_t state = 12345;
  if (options.functions == 1) return 0;
  state = state * 1664525 + 1013904223;
  return (int)((state >> 8) % (uint32_t)options.functions);
}

void send_submit(conn_t *conn, uint32_t type, int slot, const char *unique_id) {
  char arguments[NAME_BYTES + 64];
  size_t length = function_name(arguments, next_function()) + 1;
  size_t unique_bytes = strlen(unique_id) + 1;
  memcpy(arguments + length, unique_id, unique_bytes);
  length += unique_bytes;
  put_header(conn, type, length + options.bytes);
  put(conn, arguments, length);
  char digits[SLOT_BYTES + 1];
  for (int i = SLOT_BYTES - 1; i >= 0; i--, slot >>= 4) digits[i] = "0123456789abcdef"[slot & 15];
  put_payload(conn, digits, SLOT_BYTES);
}

/* Gives back what came with the job at hand. */
void send_complete(conn_t *conn) {
  size_t handle_bytes = strlen(conn->handle) + 1;
  put_header(conn, WORK_COMPLETE, handle_bytes + options.bytes);
  put(conn, conn->handle, handle_bytes);
  put_payload(conn, conn->start, conn->start_bytes);
}

void can_do_all(conn_t *conn) {
  for (int i = 0; i < options.functions; i++) {
    char name[NAME_BYTES];
    send_packet(conn, CAN_DO, name, function_name(name, i));
  }
}

static const char *after_nul(const char *from, const char *end) {
  const char *nul = memchr(from, 0, (size_t)(end - from));
  if (nul == NULL) fail("a packet lacks an argument");
  return nul + 1;
}

/* Notes the handle and how the payload begins; who submitted it compares what of it is there. */
static void read_job(conn_t *conn, const char *head, size_t length, size_t size) {
  const char *end = head + length;
  const char *data = after_nul(head, end);
  if ((size_t)(data - head) > HANDLE_BYTES) fail("a handle is too long");
  memcpy(conn->handle, head, (size_t)(data - head));
  if (conn->type == JOB_ASSIGN) data = after_nul(data, end);
  size_t here = (size_t)(end - data);
  if (size - (size_t)(data - head) != options.bytes || here < SLOT_BYTES) {
    wrong_count++;
    return;
  }
  conn->start_bytes = here < START_BYTES ? here : START_BYTES;
  memcpy(conn->start, data, conn->start_bytes);
  if (conn->role == CLIENT && memcmp(data + SLOT_BYTES, payload + SLOT_BYTES, here - SLOT_BYTES) != 0) wrong_count++;
  conn->payload_at = here;
}

static void read_head(conn_t *conn, const char *head, size_t length, size_t size) {
  if (conn->role == RESPONDER) return;
  if (conn->type == JOB_ASSIGN || conn->type == WORK_COMPLETE) read_job(conn, head, length, size);
  else if (conn->type == ERROR_PACKET) fail("the server answered ERROR: %.*s", (int)length, head);
}

static void skip(conn_t *conn, const char *bytes, size_t length) {
  conn->skip -= length;
  if (conn->role != CLIENT) return;
  if (conn->payload_at < COMPARE_BYTES && memcmp(bytes, payload + conn->payload_at, length) != 0) wrong_count++;
  conn->payload_at += length;
}

size_t gearman_feed(conn_t *conn, const char *bytes, size_t length) {
  size_t at = 0;
  for (;;) {
    if (conn->skip > 0) {
      size_t part = conn->skip < length - at ? conn->skip : length - at;
      skip(conn, bytes + at, part);
      at += part;
      if (conn->skip > 0) return at;
      on_packet(conn);
    }
    if (length - at < 12) return at;
    uint32_t words[3];
    memcpy(words, bytes + at, sizeof words);
    size_t size = ntohl(words[2]);
    size_t head = size < HEAD_BYTES ? size : HEAD_BYTES;
    if (length - at - 12 < head) return at;
    conn->type = ntohl(words[1]);
    read_head(conn, bytes + at + 12, head, size);
    at += 12 + head;
    conn->skip = size - head;
    if (conn->skip == 0) on_packet(conn);
  }
}
