// SPDX-License-Identifier: MIT
/*
 * The traced side of the benchmark, as cheap as system calls can be made. loops.py says the same in Python.
 *
 *   loops pairs MS              create+close at full speed for MS, after as long unmeasured: COUNT MEAN_NS BEST_NS
 *   loops paced MS INTERVAL_NS  one pair every INTERVAL_NS, timed each:                     COUNT MEDIAN_NS BEST_NS
 *   loops getppid MS            an unrelated system call at full speed:                     COUNT MEAN_NS BEST_NS
 *   loops storm MS              one instance to keep, create+close for MS: COUNT; then lives on
 *   loops hold N                N instances: N; then lives on
 *   loops churn PER_S N         so many children a second, each with N instances that go with it; lives on
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64		/* calls between two looks at the clock */
#define SAMPLES	(1 << 20)

static uint64_t samples[SAMPLES];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void pair(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		perror("epoll_create1");
		exit(1);
	}
	close(fd);
}

static void unrelated(void)
{
	syscall(SYS_getppid);
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
		if (epoll_create1(EPOLL_CLOEXEC) < 0) {
			perror("epoll_create1");
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
	} else if (!strcmp(mode, "storm")) {
		epoll_create1(EPOLL_CLOEXEC);
		printf("%llu\n", (unsigned long long)run(pair, ns, 0));
		live_on();
	} else if (!strcmp(mode, "hold")) {
		long wanted = atol(argv[2]);

		create(wanted);
		printf("%ld\n", wanted);
		live_on();
	} else if (!strcmp(mode, "churn") && argc > 3) {
		churn(atol(argv[2]), atol(argv[3]));
	} else {
		fprintf(stderr, "usage: loops pairs|getppid|storm MS | paced MS INTERVAL_NS | hold N | churn PER_S N\n");
		return 2;
	}
	return 0;
}
