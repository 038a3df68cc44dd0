// SPDX-License-Identifier: MIT
/*
 * The traced side of the benchmark, as cheap as system calls can be made. loops.py says the same in Python.
 *
 *   loops pairs MS              create+close at full speed for MS, after as long unmeasured: COUNT MEAN_NS BEST_NS
 *   loops paced MS INTERVAL_NS  one pair every INTERVAL_NS, timed each:                     COUNT MEDIAN_NS BEST_NS
 *   loops getppid MS            an unrelated system call at full speed:                     COUNT MEAN_NS BEST_NS
 *   loops wait MS               epoll_wait that finds one ready descriptor, likewise:       COUNT MEAN_NS BEST_NS
 *   loops ctl MS                epoll_ctl that modifies a registration, likewise:           COUNT MEAN_NS BEST_NS
 *   loops echo MS               a byte to an event loop in another process, and back:       COUNT MEAN_NS BEST_NS
 *   loops storm MS              one instance to keep, create+close for MS: COUNT; then lives on
 *   loops hold N                N instances: N; then lives on
 *   loops loops N HZ            N threads, each an event loop, with HZ waits a second in all, which time out: N;
 *                               then lives on
 *   loops churn PER_S N         so many children a second, each with N instances that go with it; lives on
 *   loops list N                an instance with N watches: N; then for each MS that it reads, turns of epoll_wait and
 *                               epoll_ctl for so long:                                     COUNT NS LONGEST_NS
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64		/* calls between two looks at the clock */
#define SAMPLES	(1 << 20)
#define NUMBERS_FROM	2048		/* a watch is a file and a number: few files with many numbers make a long list */
#define NUMBERS_MAX	8192
#define STACK	(64 << 10)	/* of a thread that only waits */

static uint64_t samples[SAMPLES];
static int instance = -1, watched = -1;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* What a call returned, unless it failed. */
static int did(const char *call, int returned)
{
	if (returned < 0) {
		perror(call);
		exit(1);
	}
	return returned;
}

static int created(void)
{
	return did("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
}

static void pair(void)
{
	close(created());
}

static void unrelated(void)
{
	syscall(SYS_getppid);
}

/* An instance that watches one descriptor. */
static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	instance = created();
	watched = fd;
	did("epoll_ctl", epoll_ctl(instance, EPOLL_CTL_ADD, fd, &event));
}

static void wait_ready(void)
{
	struct epoll_event events[8];

	epoll_wait(instance, events, 8, 0);
}

static void modify(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	epoll_ctl(instance, EPOLL_CTL_MOD, watched, &event);
}

/* The loop of the echo ends with the socket's other end. */
static void serve(int fd)
{
	struct epoll_event event;
	char byte;

	watch(fd);
	while (epoll_wait(instance, &event, 1, -1) == 1 && read(fd, &byte, 1) == 1)
		did("write", write(fd, &byte, 1));
	_exit(0);
}

static void round_trip(void)
{
	char byte = 0;

	did("write", write(watched, &byte, 1));
	did("read", read(watched, &byte, 1));
}

static uint64_t run(void (*call)(void), uint64_t for_ns, int report)
{
	uint64_t start = now_ns(), before = start, now = start, best = UINT64_MAX, count = 0;

	while (now - start < for_ns) {
		for (int i = 0; i < BATCH; i++)
			call();
		count += BATCH;
		now = now_ns();
		if (now - before < best)
			best = now - before;
		before = now;
	}
	if (report)
		printf("%llu %.1f %.1f\n", (unsigned long long)count, (double)(now - start) / count,
		       (double)best / BATCH);
	return count;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void paced(uint64_t for_ns, uint64_t interval_ns)
{
	uint64_t start = now_ns(), due = start, count = 0;

	while (due - start < for_ns && count < SAMPLES) {
		uint64_t before = now_ns();

		if (before < due)
			continue;
		pair();
		samples[count++] = now_ns() - before;
		due = (before > due + interval_ns ? before : due) + interval_ns;
	}
	qsort(samples, count, sizeof(*samples), ascending);
	printf("%llu %.1f %.1f\n", (unsigned long long)count, (double)samples[count / 2], (double)samples[0]);
}

/* Until it is ended by a signal, or whoever started it is gone: then its stdin ends. */
static void live_on(void)
{
	char byte;

	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
}

static void create(long wanted)
{
	for (long i = 0; i < wanted; i++)
		created();
}

static void *loop(void *timeout_ms)
{
	struct epoll_event event;
	int fd = created();

	while (epoll_wait(fd, &event, 1, (long)timeout_ms) <= 0)
		;
	return NULL;
}

static void start_loops(long wanted, long per_s)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	for (long i = 0; i < wanted; i++)
		if (pthread_create(&thread, &small, loop, (void *)(wanted * 1000 / per_s))) {
			perror("pthread_create");
			exit(1);
		}
}

static void churn(long per_s, long each)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };

	signal(SIGCHLD, SIG_IGN);	/* the kernel buries them */
	while (poll(&in, 1, 1000 / per_s) == 0)
		if (fork() == 0) {
			create(each);
			_exit(0);
		}
}

static void list(long wanted)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct rlimit limit;
	long done = 1;

	did("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	did("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
	watch(did("eventfd", eventfd(1, EFD_CLOEXEC)));
	while (done < wanted) {
		int file = did("eventfd", eventfd(0, EFD_CLOEXEC));

		for (int fd = NUMBERS_FROM; fd < NUMBERS_FROM + NUMBERS_MAX && done < wanted; fd++, done++) {
			did("dup2", dup2(file, fd));
			did("epoll_ctl", epoll_ctl(instance, EPOLL_CTL_ADD, fd, &event));
		}
	}
	printf("%ld\n", done);
	fflush(stdout);
}

static void turns(uint64_t for_ns)
{
	uint64_t start = now_ns(), before = start, now = start, longest = 0, count = 0;

	while (now - start < for_ns) {
		wait_ready();
		modify();
		count++;
		now = now_ns();
		if (now - before > longest)
			longest = now - before;
		before = now;
	}
	printf("%llu %llu %llu\n", (unsigned long long)count, (unsigned long long)(now - start), (unsigned long long)longest);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	uint64_t ns = argc > 2 ? strtoull(argv[2], NULL, 10) * 1000000ull : 0;

	if (!strcmp(mode, "pairs")) {
		run(pair, ns, 0);
		run(pair, ns, 1);
	} else if (!strcmp(mode, "paced") && argc > 3) {
		paced(ns, strtoull(argv[3], NULL, 10));
	} else if (!strcmp(mode, "getppid")) {
		run(unrelated, ns, 1);
	} else if (!strcmp(mode, "wait") || !strcmp(mode, "ctl")) {
		watch(did("eventfd", eventfd(1, EFD_CLOEXEC)));
		run(*mode == 'w' ? wait_ready : modify, ns, 1);
	} else if (!strcmp(mode, "echo")) {
		int ends[2];

		did("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
		if (did("fork", fork()) == 0) {
			close(ends[0]);
			serve(ends[1]);
		}
		watched = ends[0];
		run(round_trip, ns, 1);
		close(ends[0]);
		close(ends[1]);
		wait(NULL);	/* so that its CPU time counts, too */
	} else if (!strcmp(mode, "storm")) {
		epoll_create1(EPOLL_CLOEXEC);
		printf("%llu\n", (unsigned long long)run(pair, ns, 0));
		live_on();
	} else if (!strcmp(mode, "hold")) {
		long wanted = atol(argv[2]);

		create(wanted);
		printf("%ld\n", wanted);
		live_on();
	} else if (!strcmp(mode, "loops") && argc > 3) {
		start_loops(atol(argv[2]), atol(argv[3]));
		printf("%s\n", argv[2]);
		live_on();
	} else if (!strcmp(mode, "churn") && argc > 3) {
		churn(atol(argv[2]), atol(argv[3]));
	} else if (!strcmp(mode, "list")) {
		unsigned long long ms;

		list(atol(argv[2]));
		while (scanf("%llu", &ms) == 1)
			turns(ms * 1000000);
	} else {
		fprintf(stderr, "usage: loops pairs|getppid|wait|ctl|echo|storm MS | paced MS INTERVAL_NS | hold N | loops N HZ |"
			" churn PER_S N | list N\n");
		return 2;
	}
	return 0;
}
