/* The protocol of beanstalkd: putting jobs into a queue, taking them out. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long put_count;
static char *body;

static void make_body(void) {
  /* Its own, so that a job is written in one piece together with the end of its line. */
  body = malloc(options.bytes + 2);
  if (body == NULL) fail("no memory");
  memset(body, 'x', options.bytes);
  memcpy(body + options.bytes, "\r\n", 2);
}

void produce(conn_t *conn) {
  if (body == NULL) make_body();
  if (phase == MEASURED || (options.jobs > 0 && put_count >= options.jobs)) return;
  char line[64];
  put(conn, line, (size_t)snprintf(line, sizeof line, "put 0 0 3600 %zu\r\n", options.bytes));
  if (options.bytes > 4096) put_outside(conn, body, options.bytes + 2);
  else put(conn, body, options.bytes + 2);
  put_count++;
  conn->sent_at[conn->head++ % (unsigned)options.window] = now;
}

void consume(conn_t *conn) {
  /* Without a time limit a connection waits for a job, and what is sent behind it waits, too. */
  static const char reserve[] = "reserve-with-timeout 0\r\n";
  put(conn, reserve, sizeof reserve - 1);
  conn->outstanding++;
}

static void on_line(conn_t *conn, const char *line, size_t length) {
  if (conn->role == PRODUCER) {
    if (memcmp(line, "INSERTED ", 9) != 0) fail("beanstalkd answered %.*s", (int)length, line);
    job_done(now - conn->sent_at[conn->tail++ % (unsigned)options.window]);
    produce(conn);
    return;
  }
  if (memcmp(line, "DELETED", 7) == 0) {
    job_done(NO_LATENCY);
    return;
  }
  if (memcmp(line, "TIMED_OUT", 9) == 0) return;
  if (memcmp(line, "RESERVED ", 9) != 0) fail("beanstalkd answered %.*s", (int)length, line);
  char *id_end;
  unsigned long id = strtoul(line + 9, &id_end, 10);
  size_t bytes = strtoul(id_end, NULL, 10);
  if (bytes != options.bytes) wrong_count++;
  conn->skip = bytes + 2;
  char answer[64];
  put(conn, answer, (size_t)snprintf(answer, sizeof answer, "delete %lu\r\n", id));
  conn->outstanding--;
  assigned_count++;
  if (phase != MEASURED) consume(conn);
}

size_t beanstalk_feed(conn_t *conn, const char *bytes, size_t length) {
  size_t at = 0;
  for (;;) {
    size_t part = conn->skip < length - at ? conn->skip : length - at;
    conn->skip -= part;
    at += part;
    const char *end = memchr(bytes + at, '\n', length - at);
    if (conn->skip > 0 || end == NULL) return at;
    on_line(conn, bytes + at, (size_t)(end - bytes) - at);
    at = (size_t)(end - bytes) + 1;
  }
}
