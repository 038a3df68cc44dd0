/* SPDX-License-Identifier: MIT */
/*
 * What an unprivileged user can do to whoever observes them: hostile MODE A B, until stdin ends.
 *
 *   leaderless T M   a leader that has exited, T threads that share a table of M instances
 *   crowd P M        P children that inherit M instances
 *   replaced P M     P children that inherit M instances, of which one is replaced every 0.1 s
 *   renewed P M      P children with M instances of their own, of which one is replaced every 0.1 s
 *   brief A B        A short-lived processes a second with B instances each
 *   storm A B        A creations and releases between two pauses of B microseconds
 *   stacks A B       A creations a second with 62 forged return addresses each, of which B are kept open
 *
 * Says a line when all is there.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void *until_the_end(void *nothing)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
	_exit(0);
	return nothing;
}

static void *forever(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

static void thread(void *(*run)(void *))
{
	pthread_attr_t small;
	pthread_t made;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1 << 14);
	pthread_create(&made, &small, run, NULL);
}

static void create(long count)
{
	while (count-- > 0)
		epoll_create1(0);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static pid_t heir(long own)
{
	pid_t parent = getpid(), child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		create(own);
		forever(NULL);
	}
	return child;
}

static void replaced(long count, long own)
{
	pid_t *children = calloc(count, sizeof(*children));
	long made;

	for (made = 0;; made++) {
		pid_t *next = &children[made % count];

		if (*next) {
			usleep(100000);
			kill(*next, SIGKILL);
			waitpid(*next, NULL, 0);
		}
		*next = heir(own);
	}
}

static void brief(long rate, long count)
{
	for (;;) {
		if (!fork()) {
			create(count);
			_exit(0);
		}
		usleep(1000000 / rate);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

struct frame {
	struct frame *next;
	uint64_t back;
};

#ifdef __x86_64__
long create_under(struct frame *frame);
__asm__(".globl create_under\n"
	"create_under: push %rbp; mov %rdi, %rbp; xor %edi, %edi; mov $291, %eax; syscall; pop %rbp; ret\n");
#else
static long create_under(struct frame *frame)
{
	return frame ? epoll_create1(0) : -1;
}
#endif

/* Return addresses into this very program's code, each behind a call or what looks like one, all stacks different. */
static void stacks(long rate, long keep)
{
	size_t size = 1 << 20, at = 16;
	unsigned char *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct frame *frames = calloc(62, sizeof(*frames));
	long made, deep;

	memset(code, 0xe8, size);
	for (made = 0;; made++) {
		for (deep = 0; deep < 62; deep++) {
			frames[deep].next = deep < 61 ? &frames[deep + 1] : NULL;
			frames[deep].back = (uint64_t)(code + at);
			at = at + 1 < size - 8 ? at + 1 : 16;
		}
		int fd = create_under(frames);

		if (made >= keep)
			close(fd);
		usleep(1000000 / rate);
	}
}

int main(int count, char **words)
{
	long a = count > 2 ? atol(words[2]) : 0, b = count > 3 ? atol(words[3]) : 0, made;
	const char *mode = count > 1 ? words[1] : "";
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (!strcmp(mode, "crowd")) {
		create(b);
		for (made = 0; made < a; made++)
			heir(0);
		ready();
		until_the_end(NULL);
	}
	thread(until_the_end);
	ready();
	if (!strcmp(mode, "replaced")) {
		create(b);
		replaced(a, 0);
	}
	if (!strcmp(mode, "renewed"))
		replaced(a, b);
	if (!strcmp(mode, "brief"))
		brief(a, b);
	if (!strcmp(mode, "stacks"))
		stacks(a, b);
	while (!strcmp(mode, "storm")) {
		for (made = 0; made < a; made++)
			close(epoll_create1(0));
		usleep(b);
	}
	create(b);
	for (made = 0; made < a; made++)
		thread(forever);
	pthread_exit(NULL);
}
