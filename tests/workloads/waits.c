// SPDX-License-Identifier: MIT
/*
 * Waits on epoll instances at full speed, in all ways that a wait may be asked for and may end.
 *
 *   waits THREADS ROUNDS   each thread makes so many rounds of CALLS waits on instances of its own
 *
 * Then it says for each thread, as an object of JSON a line, what its calls returned and how long they took by its own
 * clock: outer_ns from just before each call until just after it, span_ns from the first to the last. Lives on until its
 * stdin ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX	64
#define MANY		16	/* events that are always ready */
#define NONE		1000000	/* no descriptor */
#define IMMEDIATELY	((struct timespec){ 0, 0 })
#define SHORTLY		((struct timespec){ 0, 1000000 })

struct counts {
	uint64_t waits, events, wakes, zero_timeouts, finite_timeouts, infinite_timeouts, timeouts_met, zero_empty, early, full;
	uint64_t interrupted, bad_descriptor, invalid, bad_address, other_errors, outer_ns, span_ns;
	int tid;
};

static pthread_barrier_t ready;
static long rounds;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void count(struct counts *counts, long ret, int maxevents, long timeout)
{
	counts->waits++;
	*(timeout < 0 ? &counts->infinite_timeouts : timeout ? &counts->finite_timeouts : &counts->zero_timeouts) += 1;
	if (ret > 0) {
		counts->wakes++;
		counts->events += ret;
		counts->full += ret == maxevents && ret >= 8;
	} else if (ret == 0) {
		*(timeout ? &counts->timeouts_met : &counts->zero_empty) += 1;
	} else {
		*(errno == EINTR ? &counts->interrupted :
		  errno == EBADF ? &counts->bad_descriptor :
		  errno == EINVAL ? &counts->invalid :
		  errno == EFAULT ? &counts->bad_address :
				    &counts->other_errors) += 1;
	}
}

/* An instance with so many events that are always ready. */
static int instance(int events)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	while (events--)
		epoll_ctl(fd, EPOLL_CTL_ADD, eventfd(1, EFD_CLOEXEC), &event);
	return fd;
}

#define CALL(maxevents, timeout, ...)							\
	do {										\
		uint64_t before = now_ns();						\
		long ret = syscall(__VA_ARGS__);					\
											\
		counts->outer_ns += now_ns() - before;					\
		count(counts, ret, maxevents, timeout);					\
	} while (0)

static void *work(void *its)
{
	struct epoll_event events[MANY];
	struct counts *counts = its;
	int one = instance(1), many = instance(MANY), none = instance(0);
	uint64_t start;

	counts->tid = syscall(SYS_gettid);
	pthread_barrier_wait(&ready);
	start = now_ns();
	for (long i = 0; i < rounds; i++) {
#ifdef SYS_epoll_wait
		CALL(MANY, 0, SYS_epoll_wait, one, events, MANY, 0);
		CALL(MANY, 0, SYS_epoll_wait, none, events, MANY, 0);
		CALL(MANY, -1, SYS_epoll_wait, one, events, MANY, -1);
		CALL(MANY, 7, SYS_epoll_wait, many, events, MANY, 7);
		CALL(8, 0, SYS_epoll_wait, many, events, 8, 0);
		CALL(7, 0, SYS_epoll_wait, many, events, 7, 0);
		CALL(MANY, 0, SYS_epoll_wait, NONE, events, MANY, 0);
		CALL(MANY, 0, SYS_epoll_wait, 0, events, MANY, 0);
		CALL(0, 0, SYS_epoll_wait, one, events, 0, 0);
		CALL(MANY, 0, SYS_epoll_wait, one, 1, MANY, 0);
#endif
		CALL(MANY, 0, SYS_epoll_pwait, one, events, MANY, 0, NULL, 8);
		CALL(MANY, -1, SYS_epoll_pwait, one, events, MANY, -7, NULL, 8);
		CALL(MANY, 0, SYS_epoll_pwait2, one, events, MANY, &IMMEDIATELY, NULL, 8);
		CALL(MANY, 1, SYS_epoll_pwait2, one, events, MANY, &SHORTLY, NULL, 8);
		CALL(MANY, -1, SYS_epoll_pwait2, many, events, MANY, NULL, NULL, 8);
		if (i % 1000 == 0)
			CALL(MANY, 1, SYS_epoll_pwait2, none, events, MANY, &SHORTLY, NULL, 8);
	}
	counts->span_ns = now_ns() - start;
	return NULL;
}

#define TELL(counter) printf("\"" #counter "\": %llu, ", (unsigned long long)counts->counter)

static void tell(struct counts *counts)
{
	printf("{");
	TELL(waits);
	TELL(events);
	TELL(wakes);
	TELL(zero_timeouts);
	TELL(finite_timeouts);
	TELL(infinite_timeouts);
	TELL(timeouts_met);
	TELL(zero_empty);
	TELL(early);
	TELL(full);
	TELL(interrupted);
	TELL(bad_descriptor);
	TELL(invalid);
	TELL(bad_address);
	TELL(other_errors);
	TELL(outer_ns);
	TELL(span_ns);
	printf("\"tid\": %d}\n", counts->tid);
}

int main(int argc, char **argv)
{
	static struct counts counts[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	int number = argc == 3 ? atoi(argv[1]) : 0;

	if (number < 1 || number > THREADS_MAX) {
		fprintf(stderr, "usage: waits THREADS ROUNDS\n");
		return 2;
	}
	rounds = atol(argv[2]);
	pthread_barrier_init(&ready, NULL, number);
	for (int i = 0; i < number; i++)
		pthread_create(&threads[i], NULL, work, &counts[i]);
	for (int i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < number; i++)
		tell(&counts[i]);
	fflush(stdout);
	getchar();
	return 0;
}
