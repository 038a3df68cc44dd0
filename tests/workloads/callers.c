// SPDX-License-Identifier: MIT
/*
 * Creates instances through three functions, to be compiled with frame pointers.
 *
 *   callers HOW FLAGS COUNT THEN   epoll_create1(FLAGS) COUNT times, says how often it worked
 *
 * HOW: called, through outer, middle and inner; or astray, with a frame pointer that points elsewhere.
 * THEN: end; stay, until stdin ends; or a program to execute, with its arguments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Something to do after each call, or it would become a jump and its caller no frame. */
#define CALLS(caller, callee)					\
	__attribute__((noinline)) int caller(int flags)		\
	{							\
		int fd = callee(flags);				\
								\
		__asm__ volatile("" : : : "memory");		\
		return fd;					\
	}

CALLS(inner, epoll_create1)
CALLS(middle, inner)
CALLS(outer, middle)

/*
 * What looks like a frame and is data, as where code without frame pointers uses their register for something else: zeros,
 * which are no call, and behind them a frame that leads to itself and returns to itself.
 */
static void *data[3] = { 0, data + 1, data + 1 };
static void **no_frame = data + 1;

__attribute__((noinline)) int astray(int flags)
{
#ifdef __x86_64__
	long fd = SYS_epoll_create1;
	void *pointer = no_frame;

	__asm__ volatile("xchg %%rbp, %1\n\tsyscall\n\txchg %%rbp, %1"
			 : "+a"(fd), "+b"(pointer) : "D"(flags) : "rcx", "r11", "memory");
#else
	register long call __asm__("x8") = SYS_epoll_create1, fd __asm__("x0") = flags;

	__asm__ volatile("mov x9, x29\n\tmov x29, %1\n\tsvc #0\n\tmov x29, x9"
			 : "+r"(fd) : "r"(no_frame), "r"(call) : "x9", "memory");
#endif
	return fd;
}

int main(int argc, char **argv)
{
	int made = 0;

	if (argc < 5)
		return 2;
	for (int i = 0; i < atoi(argv[3]); i++)
		made += (strcmp(argv[1], "astray") ? outer : astray)(atoi(argv[2])) >= 0;
	printf("%d\n", made);
	fflush(stdout);
	if (!strcmp(argv[4], "stay"))
		getchar();
	else if (strcmp(argv[4], "end"))
		execv(argv[4], argv + 4);
	return 0;
}
