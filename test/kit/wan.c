/*
 * wan: an emulated long-distance line between two network namespaces, in user space.
 *
 * It joins two TUN devices, one in each namespace, and gives the line between them a rate, a one-way
 * delay, jitter, random loss and a tail-drop queue. (Not every kernel has netem.)
 *
 *   wan NS_A TUN_A NS_B TUN_B  RATE_MBIT DELAY_MS JITTER_MS LOSS_PCT QUEUE_KB BYTES_MAX [SEED]
 *
 * RATE 0 is unlimited; RATE -1 is a line cut (everything is dropped). Packets above BYTES_MAX vanish without
 * a word, as in an MTU hole; 0 lets all pass. The six settings can be changed while it runs: write them
 * as one line to its standard input; it answers with a line of counters. It ends when its input does.
 * wan-line.ts sets up the namespaces and the addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static double rate_mbit, delay_ms, jitter_ms, loss_pct;
static long queue_kb, bytes_max;

struct packet { uint64_t due_ns; int length; unsigned char *bytes; };

struct direction {
  struct packet *ring;
  int head, count, capacity;
  uint64_t line_free_ns, last_due_ns;
  unsigned long received, delivered, tail_dropped, lost;
};

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int open_tun(const char *namespace, const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
  int ns = open(path, O_RDONLY);
  if (ns < 0 || setns(ns, CLONE_NEWNET)) { perror(path); exit(1); }
  close(ns);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request)) { perror("/dev/net/tun"); exit(1); }
  return fd;
}

static void enqueue(struct direction *d, struct packet p) {
  if (d->count == d->capacity) {
    int capacity = d->capacity * 2;
    struct packet *ring = malloc(capacity * sizeof *ring);
    for (int i = 0; i < d->count; i++) ring[i] = d->ring[(d->head + i) % d->capacity];
    free(d->ring);
    d->ring = ring; d->head = 0; d->capacity = capacity;
  }
  d->ring[(d->head + d->count++) % d->capacity] = p;
}

/* Packets enter the line one after another at the line's rate, then travel for the delay, in order. */
static void accept_packets(struct direction *d, int fd) {
  unsigned char buffer[65536];
  for (int i = 0; i < 64; i++) {
    int length = read(fd, buffer, sizeof buffer);
    if (length <= 0) return;
    d->received++;
    uint64_t now = now_ns();
    if (rate_mbit < 0 || (bytes_max > 0 && length > bytes_max) || drand48() * 100 < loss_pct) { d->lost++; continue; }
    uint64_t start = d->line_free_ns > now ? d->line_free_ns : now;
    uint64_t serialise = rate_mbit > 0 ? (uint64_t)(length * 8000.0 / rate_mbit) : 0;
    if (rate_mbit > 0 && (start - now) * rate_mbit / 8000.0 > queue_kb * 1024.0) { d->tail_dropped++; continue; }
    d->line_free_ns = start + serialise;
    uint64_t due = d->line_free_ns + (uint64_t)((delay_ms + jitter_ms * (2 * drand48() - 1)) * 1e6);
    if (due < d->last_due_ns) due = d->last_due_ns;
    d->last_due_ns = due;
    struct packet p = { due, length, malloc(length) };
    memcpy(p.bytes, buffer, length);
    enqueue(d, p);
  }
}

static void deliver_packets(struct direction *d, int fd) {
  uint64_t now = now_ns();
  while (d->count && d->ring[d->head].due_ns <= now) {
    struct packet *p = &d->ring[d->head];
    if (write(fd, p->bytes, p->length) < 0 && errno == EAGAIN) return;
    free(p->bytes);
    d->delivered++;
    d->head = (d->head + 1) % d->capacity;
    d->count--;
  }
}

static int read_settings(struct direction *ab, struct direction *ba) {
  char line[256];
  int n = read(0, line, sizeof line - 1);
  if (n <= 0) return 0;
  line[n] = 0;
  double r, d, j, l; long q, m;
  if (sscanf(line, "%lf %lf %lf %lf %ld %ld", &r, &d, &j, &l, &q, &m) == 6) {
    rate_mbit = r; delay_ms = d; jitter_ms = j; loss_pct = l; queue_kb = q; bytes_max = m;
    printf("a->b received=%lu delivered=%lu lost=%lu taildrop=%lu  b->a received=%lu delivered=%lu lost=%lu taildrop=%lu\n",
           ab->received, ab->delivered, ab->lost, ab->tail_dropped, ba->received, ba->delivered, ba->lost, ba->tail_dropped);
    fflush(stdout);
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 11) {
    fprintf(stderr, "usage: %s NS_A TUN_A NS_B TUN_B RATE_MBIT DELAY_MS JITTER_MS LOSS_PCT QUEUE_KB BYTES_MAX [SEED]\n", argv[0]);
    return 2;
  }
  rate_mbit = atof(argv[5]); delay_ms = atof(argv[6]); jitter_ms = atof(argv[7]);
  loss_pct = atof(argv[8]); queue_kb = atol(argv[9]); bytes_max = atol(argv[10]);
  srand48(argc > 11 ? atol(argv[11]) : 1);
  int a = open_tun(argv[1], argv[2]), b = open_tun(argv[3], argv[4]);
  struct direction ab = { .capacity = 1024 }, ba = { .capacity = 1024 };
  ab.ring = malloc(ab.capacity * sizeof *ab.ring);
  ba.ring = malloc(ba.capacity * sizeof *ba.ring);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  printf("ready\n"); fflush(stdout);
  for (;;) {
    uint64_t next = UINT64_MAX;
    if (ab.count) next = ab.ring[ab.head].due_ns;
    if (ba.count && ba.ring[ba.head].due_ns < next) next = ba.ring[ba.head].due_ns;
    struct itimerspec at = { 0 };
    if (next != UINT64_MAX) { at.it_value.tv_sec = next / 1000000000ull; at.it_value.tv_nsec = next % 1000000000ull; }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, 0);
    struct pollfd polled[4] = { { a, POLLIN, 0 }, { b, POLLIN, 0 }, { timer, POLLIN, 0 }, { 0, POLLIN, 0 } };
    poll(polled, 4, -1);
    if (polled[0].revents) accept_packets(&ab, a);
    if (polled[1].revents) accept_packets(&ba, b);
    if (polled[2].revents) { uint64_t expirations; if (read(timer, &expirations, 8)) {} }
    if (polled[3].revents && !read_settings(&ab, &ba)) return 0;
    deliver_packets(&ab, b);
    deliver_packets(&ba, a);
  }
}
