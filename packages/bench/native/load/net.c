/* Connections and the loop. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define MAX_EVENTS 1024
#define MAX_PIECES 64
/* Nothing came for so long: the server is stuck, or the generator is wrong. */
#define STUCK_NS 60000000000LL

int64_t now;

static int epoll_fd = -1;
static conn_t **dirty;
static int dirty_count, dirty_capacity;
static char input[CARRY_BYTES + READ_BYTES];
static int64_t last_event_at;

void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

int64_t clock_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void watch(conn_t *conn, int operation, uint32_t events) {
  if (epoll_fd < 0) epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = events, .data.ptr = conn};
  if (epoll_ctl(epoll_fd, operation, conn->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

conn_t *adopt(int fd, role_t role) {
  conn_t *conn = calloc(1, sizeof *conn);
  if (conn == NULL) fail("no memory");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  conn->fd = fd;
  conn->role = role;
  watch(conn, EPOLL_CTL_ADD, EPOLLIN);
  return conn;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

conn_t *dial(role_t role, int index) {
  struct sockaddr_in address = loopback(options.port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connection %d to port %d: %s", index, options.port, strerror(errno));
  conn_t *conn = adopt(fd, role);
  conn->index = index;
  conn->sent_at = calloc((size_t)options.window + 1, sizeof *conn->sent_at);
  if (conn->sent_at == NULL) fail("no memory");
  return conn;
}

int listen_anywhere(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 511) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) != 0)
    fail("listen: %s", strerror(errno));
  adopt(fd, RESPONDER)->is_listener = true;
  return ntohs(address.sin_port);
}

static void *grown(void *old, size_t needed, size_t *capacity, size_t size) {
  if (needed <= *capacity) return old;
  *capacity = needed * 2 + 64;
  void *bigger = realloc(old, *capacity * size);
  if (bigger == NULL) fail("no memory");
  return bigger;
}

static segment_t *add_segment(conn_t *conn) {
  if (!conn->is_dirty) {
    size_t capacity = (size_t)dirty_capacity;
    dirty = grown(dirty, (size_t)dirty_count + 1, &capacity, sizeof(conn_t *));
    dirty_capacity = (int)capacity;
    dirty[dirty_count++] = conn;
    conn->is_dirty = true;
  }
  size_t capacity = (size_t)conn->segment_capacity;
  conn->segments = grown(conn->segments, (size_t)conn->segment_count + 1, &capacity, sizeof(segment_t));
  conn->segment_capacity = (int)capacity;
  segment_t *segment = &conn->segments[conn->segment_count++];
  *segment = (segment_t){.at = conn->out_length};
  return segment;
}

void put(conn_t *conn, const void *bytes, size_t length) {
  conn->out = grown(conn->out, conn->out_length + length, &conn->out_capacity, 1);
  segment_t *last = conn->segment_count > 0 ? &conn->segments[conn->segment_count - 1] : NULL;
  if (last == NULL || last->outside != NULL || !conn->is_dirty) last = add_segment(conn);
  memcpy(conn->out + conn->out_length, bytes, length);
  conn->out_length += length;
  last->length += length;
}

void put_outside(conn_t *conn, const void *bytes, size_t length) {
  if (length == 0) return;
  segment_t *segment = add_segment(conn);
  segment->outside = bytes;
  segment->length = length;
}

/* Takes what was written from the front of the segments. */
static void advance(conn_t *conn, size_t written) {
  while (written > 0) {
    segment_t *first = &conn->segments[conn->first_segment];
    size_t left = first->length - conn->first_done;
    if (written < left) {
      conn->first_done += written;
      return;
    }
    written -= left;
    conn->first_segment++;
    conn->first_done = 0;
  }
}

static void flush(conn_t *conn) {
  while (conn->first_segment < conn->segment_count) {
    struct iovec pieces[MAX_PIECES];
    int count = 0;
    for (int i = conn->first_segment; i < conn->segment_count && count < MAX_PIECES; i++, count++) {
      segment_t *segment = &conn->segments[i];
      size_t done = count == 0 ? conn->first_done : 0;
      const char *from = segment->outside != NULL ? segment->outside : conn->out + segment->at;
      pieces[count] = (struct iovec){.iov_base = (char *)from + done, .iov_len = segment->length - done};
    }
    ssize_t written = writev(conn->fd, pieces, count);
    if (written < 0 && errno == EAGAIN) {
      if (!conn->waits_to_write) watch(conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      conn->waits_to_write = true;
      return;
    }
    if (written < 0) fail("write: %s", strerror(errno));
    advance(conn, (size_t)written);
  }
  conn->first_segment = conn->segment_count = 0;
  conn->out_length = 0;
  if (conn->waits_to_write) watch(conn, EPOLL_CTL_MOD, EPOLLIN);
  conn->waits_to_write = false;
}

static void flush_all(void) {
  for (int i = 0; i < dirty_count; i++) {
    dirty[i]->is_dirty = false;
    if (!dirty[i]->waits_to_write) flush(dirty[i]);
  }
  dirty_count = 0;
}

static void take_in(conn_t *conn) {
  memcpy(input, conn->carry, conn->carried);
  ssize_t got = read(conn->fd, input + conn->carried, READ_BYTES);
  if (got < 0 && errno == EAGAIN) return;
  if (got == 0 && conn->role == RESPONDER) exit(0);
  if (got <= 0) fail("the server ended connection %d: %s", conn->index, got == 0 ? "closed" : strerror(errno));
  size_t length = conn->carried + (size_t)got;
  bool is_gearman = conn->role != PRODUCER && conn->role != CONSUMER;
  size_t used = (is_gearman ? gearman_feed : beanstalk_feed)(conn, input, length);
  if (length - used > CARRY_BYTES) fail("a packet with too long arguments");
  conn->carried = length - used;
  memmove(conn->carry, input + used, conn->carried);
}

void turn(int timeout_ms) {
  struct epoll_event events[MAX_EVENTS];
  flush_all();
  int count = epoll_wait(epoll_fd, events, MAX_EVENTS, timeout_ms);
  if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
  now = clock_ns();
  if (count > 0 || last_event_at == 0) last_event_at = now;
  if (now - last_event_at > STUCK_NS) fail("stuck: nothing came for 60 s");
  for (int i = 0; i < count; i++) {
    conn_t *conn = events[i].data.ptr;
    if (conn->is_listener) {
      int fd = accept(conn->fd, NULL, NULL);
      if (fd >= 0) adopt(fd, RESPONDER);
      continue;
    }
    if ((events[i].events & EPOLLOUT) != 0) flush(conn);
    if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) take_in(conn);
  }
  flush_all();
}
